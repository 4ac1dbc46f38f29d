import { instantText } from '@trellis/api/conditions'
import type { Node, NodeTaint } from '@trellis/api/core/node'
import type { Machine } from '@trellis/api/machine/machine'
import { machineAnnotations, machineNodeConditions, machineTaints } from '@trellis/api/machine/well-known'
import { isNodeOf } from './node-loss.ts'
import type { NodeWishes } from './node-template.ts'
import type { MachineObservation } from './observation.ts'
import { phaseOf } from './phase.ts'
import type { NodeConditionStatement } from './write-node.ts'

/** How a machine is to be preserved. Any other text of the annotation, and the empty one, count as none. */
export type PreserveValue = 'now' | 'when-failed' | 'auto-preserved' | 'false'

const values: readonly PreserveValue[] = ['now', 'when-failed', 'auto-preserved', 'false']
/** Written in the place of a wish whose time is over, until the machine is no longer failed: nothing preserves the same failure a second time by itself. It counts as no wish. */
const spentValue = 'expired'
const { preserve, lastAppliedNodePreserveValue, scaleDownDisabled, scaleDownDisabledByUs, drainedForPreservation } =
  machineAnnotations
const { preserved: condition } = machineNodeConditions

/** What is to be done about the preservation of a machine. Parts that are absent are as they should be. */
export interface PreservationDecision {
  /** Annotations of the machine: bookkeeping, and a wish that was fulfilled. */
  readonly annotations?: Readonly<Record<string, string | null>>
  /** Until when it is preserved, as text; null when it is no longer. */
  readonly expiry?: string | null
  /** What its Node is to get or lose. */
  readonly wishes?: NodeWishes
  readonly condition?: NodeConditionStatement
  /** Whether pods are to leave its Node. */
  readonly drain: boolean
  /** When to decide again. */
  readonly nextAt?: number
}

/** How a machine is to be preserved, as far as it tells itself: what was last seen on its Node wins. */
export function preserveValueOf({ metadata }: Machine): PreserveValue | undefined {
  const { annotations = {} } = metadata
  return read(annotations[lastAppliedNodePreserveValue]) ?? read(annotations[preserve])
}

/** Whether the machine was preserved for its present failure, and the time for that is over. */
export function hadItsTime({ metadata }: Machine): boolean {
  return metadata.annotations?.[preserve] === spentValue
}

/** Until when a machine is preserved, in milliseconds; undefined when it is not. */
export function preservedUntil(machine: Machine): number | undefined {
  const instant = Date.parse(machine.status?.currentStatus?.preserveExpiryTime ?? '')
  return Number.isNaN(instant) ? undefined : instant
}

/** Decides about a machine that is not going. One that never was preserved, and is not to be, gives an empty decision. */
export function decidePreservation(observed: MachineObservation, now: number): PreservationDecision {
  const until = preservedUntil(observed.machine)
  // While nobody can see the Node its wish cannot be taken away: it would begin anew.
  const expired = until !== undefined && now >= until && observed.target.kind !== 'unknown'
  const node = ownNode(observed)
  const value = effectiveValue(observed.machine, node)
  const active = !expired && isActive(observed.machine, value)
  const expiry = active
    ? (observed.machine.status?.currentStatus?.preserveExpiryTime ??
      instantText(now + observed.settings.preserveTimeoutMilliseconds))
    : undefined
  const annotations = machineAnnotationsOf(observed.machine, node, { expired })
  const failed = phaseOf(observed.machine) === 'Failed'
  return {
    ...(annotations === undefined ? {} : { annotations }),
    ...expiryChange(observed.machine, expiry),
    ...(node === undefined ? {} : nodePart(node, { value, expired, expiry, failed })),
    drain: expiry !== undefined && failed && node !== undefined && !isDrained(observed.machine, node),
    ...(expiry === undefined ? {} : { nextAt: Date.parse(expiry) }),
  }
}

/** The machine's Node while it is there to stay. */
function ownNode({ machine, node }: MachineObservation): Node | undefined {
  return node !== undefined && node.metadata.deletionTimestamp === undefined && isNodeOf(machine, node)
    ? node
    : undefined
}

function read(text: string | undefined): PreserveValue | undefined {
  return values.find((value) => value === text)
}

/** A Node that has no value says something too: one that it had has been taken back. */
function effectiveValue(machine: Machine, node: Node | undefined): PreserveValue | undefined {
  if (node === undefined) return preserveValueOf(machine)
  return read(node.metadata.annotations?.[preserve]) ?? read(machine.metadata.annotations?.[preserve])
}

function isActive(machine: Machine, value: PreserveValue | undefined): boolean {
  return value === 'now' || ((value === 'when-failed' || value === 'auto-preserved') && phaseOf(machine) === 'Failed')
}

/**
 * A value on the Node is noted on the machine and replaces its own; one that has expired, or was the controller's own and did its work, is taken away, so that it preserves nothing again.
 * On a machine that is still failed it leaves a word behind that keeps the machine's set from preserving it anew.
 */
function machineAnnotationsOf(
  machine: Machine,
  node: Node | undefined,
  { expired }: { readonly expired: boolean },
): Readonly<Record<string, string | null>> | undefined {
  const { annotations = {} } = machine.metadata
  const nodeValue = read(node?.metadata.annotations?.[preserve])
  const kept = nodeValue !== undefined && !(expired && nodeValue !== 'false')
  const noted =
    node === undefined && !expired ? annotations[lastAppliedNodePreserveValue] : kept ? nodeValue : undefined
  const own = annotations[preserve]
  const failed = phaseOf(machine) === 'Failed'
  const done = (own === 'auto-preserved' || own === spentValue) && !failed
  const drop = own !== undefined && (nodeValue !== undefined || done || (expired && own !== 'false'))
  const spent = expired && failed && !(nodeValue === 'false' || (nodeValue === undefined && own === 'false'))
  const after = spent ? spentValue : drop ? undefined : own
  const changes = {
    ...(annotations[lastAppliedNodePreserveValue] === noted ? {} : { [lastAppliedNodePreserveValue]: noted ?? null }),
    ...(own === after ? {} : { [preserve]: after ?? null }),
  }
  return Object.keys(changes).length === 0 ? undefined : changes
}

function expiryChange(machine: Machine, expiry: string | undefined): Pick<PreservationDecision, 'expiry'> {
  const present = machine.status?.currentStatus?.preserveExpiryTime
  return present === expiry ? {} : { expiry: expiry ?? null }
}

const taint: NodeTaint = { key: machineTaints.preserved, effect: 'NoSchedule' }

function isTaint({ key, effect }: NodeTaint): boolean {
  return key === taint.key && effect === taint.effect
}

interface NodeState {
  readonly value: PreserveValue | undefined
  readonly expired: boolean
  readonly expiry: string | undefined
  readonly failed: boolean
}

/** The Node's part. That it was preserved is read off the Node itself, so that no step is lost when a process ends between two writes. */
function nodePart(node: Node, state: NodeState): Pick<PreservationDecision, 'wishes' | 'condition'> {
  const { expiry, failed, value } = state
  const tainted = (node.spec?.taints ?? []).some(isTaint)
  const stated = node.status?.conditions?.find(({ type }) => type === condition.type)
  const wasPreserved = tainted || stated?.status === 'True'
  if (expiry === undefined && !wasPreserved && !state.expired) return {}
  const wanted = conditionOf(value, expiry)
  const wishes: NodeWishes = {
    annotations: nodeAnnotations(node, state),
    // What the taint tells of, that pods were sent away, is undone with it: a failed machine whose time is over may recover as well as go.
    ...(expiry !== undefined && failed
      ? { taints: [taint] }
      : { untaint: [taint], ...(tainted ? { uncordon: true } : {}) }),
  }
  const says = stated?.status === wanted.status && stated.reason === wanted.reason && stated.message === wanted.message
  return { wishes, ...(says || (expiry === undefined && stated?.status !== 'True') ? {} : { condition: wanted }) }
}

/** Somebody else's wish that the autoscaler leave the Node alone is neither claimed nor taken away. */
function nodeAnnotations(node: Node, { expired, expiry, failed }: NodeState): Readonly<Record<string, string | null>> {
  const { annotations = {} } = node.metadata
  const ours = annotations[scaleDownDisabledByUs] === 'true'
  const spent = expired && annotations[preserve] !== undefined && annotations[preserve] !== 'false'
  const drained = annotations[drainedForPreservation] !== undefined && (expiry === undefined || !failed)
  return {
    ...(spent ? { [preserve]: null } : {}),
    ...(drained ? { [drainedForPreservation]: null } : {}),
    ...(expiry !== undefined && annotations[scaleDownDisabled] === undefined
      ? { [scaleDownDisabled]: 'true', [scaleDownDisabledByUs]: 'true' }
      : {}),
    ...(expiry === undefined && ours ? { [scaleDownDisabled]: null, [scaleDownDisabledByUs]: null } : {}),
  }
}

function conditionOf(value: PreserveValue | undefined, expiry: string | undefined): NodeConditionStatement {
  const { type, byMachineControllerManager, byUser, stopped } = condition
  if (expiry === undefined) return { type, status: 'False', reason: stopped, message: 'The machine is not preserved' }
  const reason = value === 'auto-preserved' ? byMachineControllerManager : byUser
  return { type, status: 'True', reason, message: `The machine is preserved until ${expiry}` }
}

/** Names one failure of a machine: one that fails again is drained again. */
export function drainMark(machine: Machine): string {
  return machine.status?.currentStatus?.lastUpdateTime ?? ''
}

function isDrained(machine: Machine, node: Node): boolean {
  return node.metadata.annotations?.[drainedForPreservation] === drainMark(machine)
}
