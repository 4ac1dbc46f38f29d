import type { Machine } from '@trellis/api/machine/machine'
import { machineErrorCodes, machineNodeConditions } from '@trellis/api/machine/well-known'
import { isDrained, mayHoldVolumes, withDrained, withDrainProgress } from '../drain/condition.ts'
import { forceWaitMilliseconds } from '../drain/decide.ts'
import type { DrainProgress } from '../drain/drain-node.ts'
import { forcingLabel } from '../drain/force.ts'
import type { ClassView } from '../machine-class/resolve.ts'
import { conditionsFor, illnessOf, nodeNameOf, wasNode } from './node-view.ts'
import type { MachineObservation } from './observation.ts'
import { phaseOf, type StatusStatement } from './phase.ts'
import type { NodeConditionStatement } from './write-node.ts'

/** What this process remembers of a machine that is going. After a restart everything is found out anew. */
export interface TerminationMemory {
  /** When this process first saw it go. */
  readonly began: number | undefined
  /** Whether the cloud said that there is no server. */
  readonly lookedForServer: boolean
  /** Whether the API server itself said that there is no Node. */
  readonly lookedForNode: boolean
  /** Whether the drain is over. */
  readonly drained: boolean
  /** Whether volumes may still be attached, and must be detached by force. */
  readonly holdsVolumes: boolean
  readonly serverGone: boolean
}

/** The next thing to do for a machine that is going, or what to wait for. */
export type TerminationStep =
  | { readonly kind: 'state'; readonly statement: StatusStatement }
  /** The machine may have a server that it does not know of: the cloud is to be asked. */
  | { readonly kind: 'look-for-server' }
  /** The machine may have become a node without the informer having told: to be asked of the API server itself. */
  | { readonly kind: 'look-for-node' }
  | { readonly kind: 'drain' }
  | { readonly kind: 'release-volumes' }
  | { readonly kind: 'delete-server'; readonly view: ClassView }
  | { readonly kind: 'delete-node' }
  | { readonly kind: 'finish' }
  | { readonly kind: 'wait'; readonly statement: StatusStatement; readonly milliseconds: number }
  | { readonly kind: 'blocked'; readonly statement: StatusStatement; readonly reason: string }

const recheckMilliseconds = 10_000
/** How long a cluster must have been silent until a machine that was never seen as its node goes without having been looked for there. */
const silencePatienceMilliseconds = 60_000

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
  if (mustRelease(observed, memory)) return { kind: 'release-volumes' }
  const server = serverStep(observed, memory)
  if (server !== undefined) return server
  if (observed.node !== undefined) return { kind: 'delete-node' }
  return { kind: 'finish' }
}

/** When the machine's drain began: persisted by the API server itself. */
export function leavingSince(machine: Machine): number {
  return Date.parse(machine.metadata.deletionTimestamp ?? '')
}

/** Whether trouble with the cluster may no longer hold up the deletion: its time is up, or somebody forces it. */
export function isPastHope(
  { machine, settings }: MachineObservation,
  { began = Number.POSITIVE_INFINITY }: Pick<TerminationMemory, 'began'>,
  now: number,
): boolean {
  if (forcingLabel({ machine, purpose: 'deletion' }) !== undefined && now >= began + forceWaitMilliseconds) return true
  return now >= leavingSince(machine) + settings.drainTimeoutMilliseconds + forceWaitMilliseconds
}

function drainStep(observed: MachineObservation, memory: TerminationMemory, now: number): TerminationStep | undefined {
  const { machine, target, node } = observed
  if (target.kind === 'none' || memory.drained || isDrained(machine)) return undefined
  if (node !== undefined) return { kind: 'drain' }
  if (isPastHope(observed, memory, now)) return undefined
  // The process may have been lost between making the server and writing its name down.
  if (nodeNameOf(machine) === undefined && !memory.lookedForServer) return { kind: 'look-for-server' }
  const hadNode = wasNode(machine)
  if (target.kind === 'unknown') {
    // A machine may have become a node since anybody looked: only a cluster that does not answer for long is not asked.
    const isSilent = now - (target.silentSince ?? now) >= silencePatienceMilliseconds
    return hadNode || (hadServer(machine) && !isSilent) ? awaitTarget(machine, now) : undefined
  }
  // Nodes come up faster than watches tell of them.
  return hadServer(machine) && !hadNode && !memory.lookedForNode ? { kind: 'look-for-node' } : undefined
}

function hadServer(machine: Machine): boolean {
  return machine.spec?.providerID !== undefined || nodeNameOf(machine) !== undefined
}

/** Volumes are detached before the server goes, also when another process drained it. */
function mustRelease({ machine, node }: MachineObservation, memory: TerminationMemory): boolean {
  if (memory.serverGone || node === undefined) return false
  return memory.drained ? memory.holdsVolumes : mayHoldVolumes(machine)
}

/** The status while volumes are detached by force. */
export function releasingStatement(message: string): StatusStatement {
  const description = `Waiting for volumes to be detached before the server is deleted: ${message}`
  return { operation: { type: 'Delete', state: 'Processing', description } }
}

/** What a Node says about its going: whether it was ill, as far as can still be told. */
export function terminatingCondition({ machine, node, settings }: MachineObservation): NodeConditionStatement {
  const { type, unhealthy, scaleDown } = machineNodeConditions.terminating
  const illness = node === undefined ? undefined : illnessOf(conditionsFor(machine, node), settings.nodeConditions)
  const message = illness ?? 'the machine is no longer wanted'
  return { type, status: 'True', reason: illness === undefined ? scaleDown : unhealthy, message }
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
  if (!hadServer(machine)) return undefined
  const remedy = classView.reason.kind === 'missing' ? '; create it anew to go on' : ''
  const description = `The server cannot be deleted: ${classView.reason.description}${remedy}`
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

/** The status that tells how the drain stands. */
export function drainStatement(machine: Machine, progress: DrainProgress, now: number): StatusStatement {
  const description =
    progress.kind === 'draining'
      ? `Draining the node: ${progress.message}`
      : 'The node was drained; deleting the server'
  return {
    conditions: withDrainProgress(machine, progress, now),
    operation: { type: 'Delete', state: 'Processing', description },
  }
}

/** The status when the cloud refuses to delete the server. */
export function deletionFailedStatement(code: string, text: string): StatusStatement {
  const errorCode = machineErrorCodes.find((known) => known === code) ?? 'Unknown'
  return {
    operation: { type: 'Delete', state: 'Failed', errorCode, description: `Cloud provider message - ${text}` },
  }
}
