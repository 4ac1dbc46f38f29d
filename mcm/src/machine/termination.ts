import { findCondition, setCondition } from '@trellis/api/conditions'
import type { Pod } from '@trellis/api/core/pod'
import type { Machine, NodeCondition } from '@trellis/api/machine/machine'
import { machineErrorCodes, machineLabels } from '@trellis/api/machine/well-known'
import { formatDuration } from '../common/duration.ts'
import type { ClassView } from '../machine-class/resolve.ts'
import {
  type DrainDecision,
  decideDrain,
  describeBlockers,
  type EvictionAttempts,
  forceWaitMilliseconds,
} from './drain.ts'
import type { MachineObservation } from './observation.ts'
import { phaseOf, type StatusStatement } from './phase.ts'

/** What this process remembers of a machine that is going. After a restart everything is found out anew. */
export interface TerminationMemory {
  readonly cordoned: boolean
  /** Pods of the node; undefined while they are not known. */
  readonly pods: readonly Pod[] | undefined
  readonly attempts: ReadonlyMap<string, EvictionAttempts>
  readonly forcedSince: number | undefined
  /** Whether anything had to leave the node. */
  readonly movedPods: boolean
  /** Whether the drain is over. */
  readonly drained: boolean
  readonly serverGone: boolean
}

/** The next thing to do for a machine that is going, or what to wait for. */
export type TerminationStep =
  | { readonly kind: 'state'; readonly statement: StatusStatement }
  | { readonly kind: 'force' }
  | { readonly kind: 'cordon' }
  | { readonly kind: 'watch-pods' }
  | { readonly kind: 'move-pods'; readonly drain: DrainDecision; readonly forced: boolean }
  | { readonly kind: 'delete-server'; readonly view: ClassView }
  | { readonly kind: 'delete-node' }
  | { readonly kind: 'finish' }
  | { readonly kind: 'wait'; readonly statement: StatusStatement; readonly milliseconds: number }
  | { readonly kind: 'blocked'; readonly statement: StatusStatement; readonly reason: string }

/** Type of the machine condition that tells how its drain stands. */
export const drainedCondition = 'Drained'

/** Evictions are tried for as long as the reference's retries of 20 s each would take. */
const retryPeriodMilliseconds = 20_000
/** A node that has not been ready for this long gets no chance to stop its pods in peace: its kubelet is gone. */
const deadNodeMilliseconds = 300_000
const recheckMilliseconds = 10_000

/** Decides the next step of a machine that has a deletion timestamp. Every step may be repeated. */
export function decideTermination(
  observed: MachineObservation,
  memory: TerminationMemory,
  now: number,
): TerminationStep {
  const { machine } = observed
  if (phaseOf(machine) !== 'Terminating') return { kind: 'state', statement: begun(machine) }
  const drain = drainStep(observed, memory, now)
  if (drain !== undefined) return drain
  const server = serverStep(observed, memory)
  if (server !== undefined) return server
  if (observed.node !== undefined) return { kind: 'delete-node' }
  return { kind: 'finish' }
}

/** When the machine's drain began: persisted by the API server itself. */
function leavingSince(machine: Machine): number {
  return Date.parse(machine.metadata.deletionTimestamp ?? '')
}

/** Whether trouble with the cluster may no longer hold up the deletion. */
export function isPastHope({ machine, settings }: MachineObservation, memory: TerminationMemory, now: number): boolean {
  const latest = leavingSince(machine) + settings.drainTimeoutMilliseconds + forceWaitMilliseconds
  return now >= Math.min(latest, (memory.forcedSince ?? Number.POSITIVE_INFINITY) + forceWaitMilliseconds)
}

function drainStep(observed: MachineObservation, memory: TerminationMemory, now: number): TerminationStep | undefined {
  const { machine, target, node } = observed
  if (target.kind === 'none' || memory.drained || isDrained(machine) || isPastHope(observed, memory, now))
    return undefined
  const hadNode = (machine.status?.conditions ?? []).length > 0
  if (target.kind === 'unknown') return hadNode ? awaitTarget(machine, now) : undefined
  if (node === undefined) return undefined
  const deadline = leavingSince(machine) + observed.settings.drainTimeoutMilliseconds
  if (memory.forcedSince === undefined && (mustForce(observed, now) || now >= deadline)) return { kind: 'force' }
  if (node.spec?.unschedulable !== true && !memory.cordoned) return { kind: 'cordon' }
  if (memory.pods === undefined) return { kind: 'watch-pods' }
  const { attempts, forcedSince } = memory
  const evictUntil = Math.min(
    deadline,
    leavingSince(machine) + observed.settings.maxEvictRetries * retryPeriodMilliseconds,
  )
  const drain = decideDrain({ pods: memory.pods, attempts, forcedSince, evictUntil }, now)
  if (drain.finished) return drainFinished(machine, { memory, drain }, now)
  return { kind: 'move-pods', drain, forced: forcedSince !== undefined }
}

/** Ends the drain: at once when nothing had to move, so that empty machines cost no write. */
function drainFinished(
  machine: Machine,
  { memory, drain }: { readonly memory: TerminationMemory; readonly drain: DrainDecision },
  now: number,
): TerminationStep | undefined {
  if (!memory.movedPods) return undefined
  const left = drain.blockers.length === 0 ? '' : `; left behind: ${describeBlockers(drain.blockers)}`
  return {
    kind: 'state',
    statement: {
      conditions: withDrained(
        machine,
        { status: 'True', reason: 'Drained', message: `All pods were asked to leave${left}` },
        now,
      ),
      operation: { type: 'Delete', state: 'Processing', description: 'The node was drained; deleting the server' },
    },
  }
}

function isDrained(machine: Machine): boolean {
  return findCondition(machine.status?.conditions, drainedCondition)?.status === 'True'
}

function mustForce({ machine, node }: MachineObservation, now: number): boolean {
  if (machine.metadata.labels?.[machineLabels.forceDeletion]?.toLowerCase() === 'true') return true
  const ready = findCondition(node?.status?.conditions, 'Ready')
  if (ready === undefined || ready.status === 'True' || !ready.lastTransitionTime) return false
  return now - Date.parse(ready.lastTransitionTime) > deadNodeMilliseconds
}

function awaitTarget(machine: Machine, now: number): TerminationStep {
  return {
    kind: 'wait',
    milliseconds: recheckMilliseconds,
    statement: {
      conditions: withDrained(
        machine,
        {
          status: 'False',
          reason: 'ClusterUnreachable',
          message: 'the API server of the cluster does not answer, so its pods cannot be moved',
        },
        now,
      ),
      operation: {
        type: 'Delete',
        state: 'Processing',
        description: 'Waiting for the API server of the cluster, to drain the node',
      },
    },
  }
}

function serverStep(
  { machine, classView }: MachineObservation,
  memory: TerminationMemory,
): TerminationStep | undefined {
  if (memory.serverGone) return undefined
  if (classView.ok) return { kind: 'delete-server', view: classView.value }
  if (classView.reason.kind === 'unprotected') {
    return { kind: 'wait', statement: {}, milliseconds: recheckMilliseconds }
  }
  // A machine that never had a server must not be held by a class that never was.
  if (machine.spec?.providerID === undefined && machine.metadata.labels?.[machineLabels.node] === undefined) {
    return undefined
  }
  const description = `The server cannot be deleted: ${classView.reason.description}`
  return {
    kind: 'blocked',
    reason: description,
    statement: { operation: { type: 'Delete', state: 'Failed', errorCode: classView.reason.code, description } },
  }
}

function begun(machine: Machine): StatusStatement {
  const phase = phaseOf(machine)
  const was = phase === '' ? '' : `, it was ${phase}`
  return {
    phase: 'Terminating',
    timeoutActive: false,
    operation: { type: 'Delete', state: 'Processing', description: `The machine is being deleted${was}` },
  }
}

/** The status while pods are being moved. */
export function drainingStatement(
  machine: Machine,
  { drain, forced }: { readonly drain: DrainDecision; readonly forced: boolean },
  now: number,
): StatusStatement {
  const blockers = describeBlockers(drain.blockers)
  const reason = forced ? 'Forced' : drain.refused ? 'EvictionRefused' : 'MovingPods'
  return {
    conditions: withDrained(machine, { status: 'False', reason, message: blockers }, now),
    operation: { type: 'Delete', state: 'Processing', description: `Draining the node: ${blockers}` },
  }
}

/** The status when the cloud refuses to delete the server. */
export function deletionFailedStatement(code: string, text: string): StatusStatement {
  const errorCode = machineErrorCodes.find((known) => known === code) ?? 'Unknown'
  return {
    operation: { type: 'Delete', state: 'Failed', errorCode, description: `Cloud provider message - ${text}` },
  }
}

/** The text that explains a forced drain in an event. */
export function forcedBecause({ machine, settings }: MachineObservation, now: number): string {
  if (now - leavingSince(machine) >= settings.drainTimeoutMilliseconds) {
    return `not drained within ${formatDuration(settings.drainTimeoutMilliseconds)}`
  }
  return machine.metadata.labels?.[machineLabels.forceDeletion] === undefined
    ? 'the node has not been ready for long'
    : `label ${machineLabels.forceDeletion} is set`
}

function withDrained(
  machine: Machine,
  statement: { readonly status: string; readonly reason: string; readonly message: string },
  now: number,
): readonly NodeCondition[] {
  return setCondition(machine.status?.conditions, { type: drainedCondition, ...statement }, now)
}
