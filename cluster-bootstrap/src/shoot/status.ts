import { instantText } from '@trellis/api/conditions'
import type { ErrorCode } from '@trellis/api/garden/common'
import type { ShootLastError, ShootLastOperation, ShootTask, ShootTaskState } from '@trellis/api/garden/shoot-status'
import type { FieldError } from '@trellis/api/validation/field-error'
import type { Snapshot, TaskReport, TaskState } from '@trellis/flow/progress'
import type { TaskError } from '@trellis/flow/run-flow'
import { describe, Failure, isTransient } from '@trellis/foundation/failure'

/** What is being done to a shoot. */
export type OperationType = 'Create' | 'Reconcile' | 'Delete'

/** The part of a status that an operation writes, as a merge patch: null takes a field away. */
export interface OperationStatus {
  readonly lastOperation: ShootLastOperation
  readonly lastErrors?: readonly ShootLastError[] | null
  readonly tasks?: readonly ShootTask[]
  readonly observedGeneration?: number
  readonly retryCycleStartTime?: string | null
}

const taskStates: Readonly<Record<TaskState, ShootTaskState>> = {
  pending: 'Pending',
  running: 'Running',
  succeeded: 'Succeeded',
  failed: 'Failed',
  skipped: 'Skipped',
  blocked: 'Pending',
  cancelled: 'Pending',
}

/** The status while a flow runs. Errors stay visible until their task has succeeded. */
export function processingStatus(type: OperationType, snapshot: Snapshot, now: number): OperationStatus {
  return {
    lastOperation: operation(type, 'Processing', snapshot.percent, describeRunning(snapshot), now),
    lastErrors: present(snapshot.tasks.filter((task) => task.state === 'running').flatMap((task) => retryError(task))),
    tasks: snapshot.tasks.map(taskOf),
  }
}

/** The status after a flow has succeeded. */
export function succeededStatus(
  type: OperationType,
  snapshot: Snapshot,
  generation: number,
  now: number,
): OperationStatus {
  return {
    lastOperation: operation(type, 'Succeeded', 100, sentences[type], now),
    lastErrors: null,
    retryCycleStartTime: null,
    observedGeneration: generation,
    tasks: snapshot.tasks.map(taskOf),
  }
}

const sentences: Readonly<Record<OperationType, string>> = {
  Create: 'The cluster has been created.',
  Reconcile: 'The cluster is as its spec wants it.',
  Delete: 'The cluster has been taken down.',
}

/** The status after a flow has failed: `Failed` when trying again cannot help, `Error` when it will be tried again. */
export function failedStatus(
  type: OperationType,
  snapshot: Snapshot,
  errors: readonly TaskError[],
  context: { readonly generation: number; readonly now: number; readonly giveUp: boolean },
): OperationStatus {
  const final = context.giveUp || errors.some(({ error }) => !isTransient(error))
  const names = errors.map((one) => one.task).join(', ')
  return {
    lastOperation: operation(
      type,
      final ? 'Failed' : 'Error',
      snapshot.percent,
      final ? `${names} cannot succeed as things are.` : `${names} failed and will be tried again.`,
      context.now,
    ),
    lastErrors: errors.map(({ task, error }) => ({
      description: `${task}: ${describe(error)}`,
      taskID: task,
      codes: errorCodes(error),
      lastUpdateTime: instantText(context.now),
    })),
    observedGeneration: context.generation,
    tasks: snapshot.tasks.map(taskOf),
  }
}

/** The status of a shoot whose spec cannot be brought about: nothing has been made. */
export function invalidStatus(
  type: OperationType,
  errors: readonly FieldError[],
  generation: number,
  now: number,
): OperationStatus {
  return {
    lastOperation: operation(
      type,
      'Failed',
      0,
      `The spec is invalid in ${errors.map((one) => one.field).join(', ')}.`,
      now,
    ),
    lastErrors: errors.map(({ field, message, remedy }) => ({
      description: `${field}: ${message}${remedy === undefined ? '' : ` (${remedy})`}`,
      codes: ['ERR_CONFIGURATION_PROBLEM'],
      lastUpdateTime: instantText(now),
    })),
    observedGeneration: generation,
  }
}

/** What sort of error it is, for programs; undefined when it fits none. */
export function errorCodes(error: unknown): ErrorCode[] | undefined {
  if (!(error instanceof Failure)) return undefined
  switch (error.kind) {
    case 'Invalid':
      return ['ERR_CONFIGURATION_PROBLEM']
    case 'Exhausted':
      return ['ERR_INFRA_QUOTA_EXCEEDED']
    case 'Throttled':
      return ['ERR_INFRA_RATE_LIMITS_EXCEEDED']
    case 'Unauthorized':
      return ['ERR_INFRA_UNAUTHENTICATED']
    case 'Forbidden':
      return ['ERR_INFRA_UNAUTHORIZED']
    case 'Unavailable':
      // What a field of the Shoot leads to is not there (yet).
      return error.field?.startsWith('spec.') ? ['ERR_RETRYABLE_CONFIGURATION_PROBLEM'] : undefined
    default:
      return undefined
  }
}

function operation(
  type: OperationType,
  state: ShootLastOperation['state'],
  progress: number,
  description: string,
  now: number,
): ShootLastOperation {
  return { type, state, progress, description, lastUpdateTime: instantText(now) }
}

function describeRunning({ tasks }: Snapshot): string {
  const running = tasks.filter((task) => task.state === 'running')
  if (running.length === 0) return 'Starting.'
  return `Running: ${running.map(({ task, note }) => (note === undefined ? task : `${task} (${note})`)).join(', ')}.`
}

function retryError({ task, lastError }: TaskReport): ShootLastError[] {
  return lastError === undefined ? [] : [{ description: `${task}: ${lastError}`, taskID: task }]
}

function present<Item>(items: readonly Item[]): readonly Item[] | null {
  return items.length === 0 ? null : items
}

function taskOf({ task, state, startedAt, finishedAt, tries, lastError }: TaskReport): ShootTask {
  return {
    id: task,
    state: taskStates[state],
    tries,
    ...(startedAt === undefined ? {} : { startTime: preciseInstant(startedAt) }),
    ...(finishedAt === undefined ? {} : { completionTime: preciseInstant(finishedAt) }),
    ...(lastError === undefined ? {} : { lastError }),
  }
}

/** Tasks last seconds, so whole seconds would tell too little. */
function preciseInstant(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
