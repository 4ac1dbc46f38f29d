import { findCondition, instantText, removeCondition } from '@trellis/api/conditions'
import type { Machine } from '@trellis/api/machine/machine'
import type {
  MachineDeployment,
  MachineDeploymentCondition,
  MachineDeploymentStatus,
} from '@trellis/api/machine/machine-deployment'
import { machineConditionReasons } from '@trellis/api/machine/well-known'
import { readMachineCode } from '@trellis/cloudprovider/contract/machine-codes'
import { sameJson } from '../common/equality.ts'
import { isLeaving } from '../machine/phase.ts'
import { failedMachines } from '../machine-set/status.ts'
import { boundsOf, wantedReplicas } from './bounds.ts'
import { type SetView, total } from './sets-view.ts'

/** Why machines cannot be made, in one word and for people. */
export interface DeploymentTrouble {
  readonly reason: string
  readonly message: string
}

/** What a deployment's status is made from. */
export interface StatusObservation {
  readonly deployment: MachineDeployment
  /** The set of the present template, if there is one. */
  readonly newest: SetView | undefined
  readonly old: readonly SetView[]
  readonly trouble: DeploymentTrouble | undefined
  /** Name of the set that is being made in this pass. */
  readonly created: string | undefined
}

/** A condition without its instants. */
type Statement = Omit<MachineDeploymentCondition, 'lastUpdateTime' | 'lastTransitionTime'>

/** A deployment's status as its sets and machines make it; undefined when it says so already. */
export function deploymentStatus(observed: StatusObservation, now: number): MachineDeploymentStatus | undefined {
  const { deployment, newest, old } = observed
  const before = deployment.status ?? {}
  const all = newest === undefined ? old : [newest, ...old]
  const available = total(all, (view) => view.available)
  const preserved = total(all, ({ set }) => set.status?.preservedFailedReplicas ?? 0)
  const failed = failedMachines(all.flatMap(({ machines }) => machines.filter((machine) => !isLeaving(machine))))
  const counts = {
    replicas: total(all, ({ present }) => present),
    updatedReplicas: newest?.present ?? 0,
    readyReplicas: total(all, ({ ready }) => ready),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, total(all, ({ wanted }) => wanted) - available),
  }
  const after: MachineDeploymentStatus = {
    ...before,
    ...counts,
    ...(preserved === 0 && before.preservedFailedReplicas === undefined ? {} : { preservedFailedReplicas: preserved }),
    observedGeneration: deployment.metadata.generation ?? 0,
    conditions: conditionsOf(
      { ...observed, trouble: observed.trouble ?? shortageOf(all) },
      { ...counts, preserved },
      now,
    ),
    ...(failed.length === 0 && before.failedMachines === undefined ? {} : { failedMachines: failed }),
  }
  return sameJson(before, after) ? undefined : after
}

/** What the machines say that wait for quota or stock; they all say the same, so the first by name speaks. */
function shortageOf(views: readonly SetView[]): DeploymentTrouble | undefined {
  let speaker: Machine | undefined
  let waiting = 0
  for (const machine of views.flatMap(({ machines }) => machines)) {
    const { currentStatus, lastOperation = {} } = machine.status ?? {}
    if (currentStatus?.phase !== 'CrashLoopBackOff' || readMachineCode(lastOperation) !== 'ResourceExhausted') continue
    waiting++
    if (speaker === undefined || machine.metadata.name < speaker.metadata.name) speaker = machine
  }
  if (speaker === undefined) return undefined
  const message = `Machines that wait for quota or stock: ${waiting}. ${speaker.status?.lastOperation?.description ?? ''}`
  return { reason: 'ResourceExhausted', message }
}

type Counts = Required<
  Pick<MachineDeploymentStatus, 'replicas' | 'updatedReplicas' | 'readyReplicas' | 'availableReplicas'>
> & {
  /** Failed machines that are preserved, and so neither available nor replaced. */
  readonly preserved: number
}

function conditionsOf(observed: StatusObservation, counts: Counts, now: number): MachineDeploymentCondition[] {
  const { deployment, trouble } = observed
  const { replicaFailure } = machineConditionReasons
  const before = deployment.status?.conditions
  const withFailure =
    trouble === undefined
      ? removeCondition(before, replicaFailure.type)
      : state(before, { type: replicaFailure.type, status: 'True', ...trouble }, { now, moved: false })
  const withAvailable = state(withFailure, availability(deployment, counts), { now, moved: false })
  const progress = progressOf(observed, counts, now)
  return progress === undefined
    ? withAvailable
    : state(withAvailable, progress.statement, { now, moved: progress.moved })
}

function availability(deployment: MachineDeployment, { availableReplicas, preserved }: Counts): Statement {
  const { available } = machineConditionReasons
  const needed = Math.max(0, wantedReplicas(deployment) - boundsOf(deployment).maxUnavailable - preserved)
  return availableReplicas >= needed
    ? {
        type: available.type,
        status: 'True',
        reason: available.minimumAvailable,
        message: 'Deployment has minimum availability.',
      }
    : {
        type: available.type,
        status: 'False',
        reason: available.minimumUnavailable,
        message: 'Deployment does not have minimum availability.',
      }
}

interface Progress {
  readonly statement: Statement
  /** Whether the rollout moved just now, which starts its deadline anew. */
  readonly moved: boolean
}

/** How the rollout stands; undefined when the condition stays as it is. cluster-autoscaler takes any other reason than NewMachineSetAvailable (and DeploymentPaused) for a rollout under way. */
function progressOf(observed: StatusObservation, counts: Counts, now: number): Progress | undefined {
  const { deployment, newest, created } = observed
  const { progressing } = machineConditionReasons
  const current = findCondition(deployment.status?.conditions, progressing.type)
  const say = (status: Statement['status'], reason: string, message: string, moved = false): Progress => ({
    moved,
    statement: { type: progressing.type, status, reason, message },
  })
  if (deployment.spec?.paused) return say('Unknown', progressing.paused, 'Deployment is paused')
  if (current?.reason === progressing.paused) return say('Unknown', progressing.resumed, 'Deployment is resumed', true)
  if (created !== undefined) {
    return say('True', progressing.newMachineSetCreated, `Created new machine set "${created}"`, true)
  }
  if (newest === undefined) return undefined
  const settled = current?.reason === progressing.newMachineSetAvailable && counts.replicas === counts.updatedReplicas
  if (settled) return undefined
  if (isComplete(deployment, counts)) {
    return say('True', progressing.newMachineSetAvailable, `MachineSet "${newest.name}" has successfully progressed.`)
  }
  if (current === undefined) {
    return say('True', progressing.foundNewMachineSet, `Found new machine set "${newest.name}"`, true)
  }
  if (hasMoved(deployment, counts) || current.reason === progressing.newMachineSetAvailable) {
    return say('True', progressing.machineSetUpdated, `MachineSet "${newest.name}" is progressing.`, true)
  }
  const deadline = progressDeadline(deployment)
  if (deadline !== undefined && now >= deadline) {
    return say('False', progressing.deadlineExceeded, `MachineSet "${newest.name}" has timed out progressing.`)
  }
  return undefined
}

/** The status of a deployment whose new set could not be made. */
export function creationFailedStatus(
  deployment: MachineDeployment,
  message: string,
  now: number,
): MachineDeploymentStatus {
  const { type, createError } = machineConditionReasons.progressing
  const statement: Statement = { type, status: 'False', reason: createError, message }
  return {
    ...deployment.status,
    conditions: state(deployment.status?.conditions, statement, { now, moved: false }),
  }
}

/** Whether every wanted machine is of the present template and available, and no other is left. */
export function isComplete(
  deployment: MachineDeployment,
  counts: Omit<Counts, 'readyReplicas' | 'preserved'>,
): boolean {
  const wanted = wantedReplicas(deployment)
  return counts.updatedReplicas === wanted && counts.replicas === wanted && counts.availableReplicas === wanted
}

/** When a rollout that does not move counts as stuck, in milliseconds; undefined when it never does. */
export function progressDeadline(deployment: MachineDeployment): number | undefined {
  const seconds = deployment.spec?.progressDeadlineSeconds
  const { progressing } = machineConditionReasons
  const current = findCondition(deployment.status?.conditions, progressing.type)
  const settled =
    current?.reason === progressing.newMachineSetAvailable || current?.reason === progressing.deadlineExceeded
  if (seconds === undefined || current?.lastUpdateTime === undefined || settled || deployment.spec?.paused)
    return undefined
  return Date.parse(current.lastUpdateTime) + seconds * 1000
}

function hasMoved({ status = {} }: MachineDeployment, counts: Counts): boolean {
  const { replicas = 0, updatedReplicas = 0, readyReplicas = 0, availableReplicas = 0 } = status
  return (
    counts.updatedReplicas > updatedReplicas ||
    counts.replicas - counts.updatedReplicas < replicas - updatedReplicas ||
    counts.readyReplicas > readyReplicas ||
    counts.availableReplicas > availableReplicas
  )
}

/** The conditions with one stated; its instants change only when it says something new or the rollout moved. */
function state(
  conditions: readonly MachineDeploymentCondition[] | undefined,
  statement: Statement,
  { now, moved }: { readonly now: number; readonly moved: boolean },
): MachineDeploymentCondition[] {
  const present = [...(conditions ?? [])]
  const before = findCondition(present, statement.type)
  const { lastUpdateTime, lastTransitionTime, ...said } = before ?? {}
  const { type, status, reason, message } = statement
  const same = sameJson(said, { type, status, reason, message })
  if (before !== undefined && same && !moved) return present
  const at = instantText(now)
  const after: MachineDeploymentCondition = {
    type,
    status,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    lastUpdateTime: same && !moved ? (lastUpdateTime ?? at) : at,
    lastTransitionTime: before?.status === status ? (lastTransitionTime ?? at) : at,
  }
  return before === undefined ? [...present, after] : present.map((one) => (one.type === type ? after : one))
}
