import type { Node, NodeTaint } from '@trellis/api/core/node'
import type { Machine } from '@trellis/api/machine/machine'
import { machineAnnotations, machineLabels, machineTaints } from '@trellis/api/machine/well-known'
import { isLeaving } from '../machine/phase.ts'
import type { SetView } from './sets-view.ts'

/** What a rollout wants of a node: new pods go elsewhere where they can, and the autoscaler leaves it alone. */
interface Marks {
  readonly avoided: boolean
  readonly kept: boolean
}

/** A node and the merge patch that marks it, or takes the marks away. */
export interface NodeMark {
  readonly node: Node
  readonly patch: object
}

/** What marking the nodes of a deployment depends on. */
export interface NodeMarking {
  /** Undefined when there is none of the present template yet. */
  readonly newest: SetView | undefined
  readonly old: readonly SetView[]
  /** Whether machines of old sets are being replaced by new ones one after another. */
  readonly rolling: boolean
  /** Whether the autoscaler is to leave nodes alone meanwhile. */
  readonly keepNodes: boolean
  nodeOf(machine: Machine): Node | undefined
  /** Whether any node at all carries a mark of a rollout. */
  readonly anyMarked: boolean
}

/** Index of the nodes that carry a mark of a rollout; the only value is {@link marked}. */
export const rolloutMarkIndex = 'rollout-mark'

/** See {@link rolloutMarkIndex}. */
export const marked = 'marked'

/** The index function of {@link rolloutMarkIndex}. */
export function rolloutMarkOf(node: Node): readonly string[] {
  const announced = node.metadata.labels?.[machineLabels.candidateForUpdate] !== undefined
  return announced || isAvoided(node) || isKeptByUs(node) ? [marked] : []
}

/** The marks that nodes of a deployment lack or have for too long; each node is in it once. */
export function decideNodeMarks(marking: NodeMarking): readonly NodeMark[] {
  const { newest, old, rolling, keepNodes, anyMarked } = marking
  const fresh = newest?.machines ?? []
  const outdated = old.flatMap(({ machines }) => machines)
  if (rolling) {
    return [
      ...outdated.flatMap((machine) => markOf(marking, machine, { avoided: true, kept: keepNodes })),
      ...fresh.flatMap((machine) => markOf(marking, machine, { avoided: false, kept: keepNodes })),
    ]
  }
  if (!anyMarked) return []
  return [...fresh, ...outdated].flatMap((machine) => markOf(marking, machine, { avoided: false, kept: false }))
}

function markOf({ nodeOf }: NodeMarking, machine: Machine, wanted: Marks): NodeMark[] {
  if (isLeaving(machine)) return []
  const node = nodeOf(machine)
  // A preserved machine is kept from the autoscaler by the same annotations, rollout or not.
  const preserved = machine.status?.currentStatus?.preserveExpiryTime !== undefined
  const patch = node && marksPatch(node, { ...wanted, kept: wanted.kept || (preserved && isKeptByUs(node)) })
  return node === undefined || patch === undefined ? [] : [{ node, patch }]
}

/** The merge patch that gives a node just these marks; undefined when it has them. What others said about scaling down stands. */
export function marksPatch(node: Node, { avoided, kept }: Marks): object | undefined {
  const { scaleDownDisabled, scaleDownDisabledByUs } = machineAnnotations
  const annotations = node.metadata.annotations ?? {}
  const keeps = kept && !(scaleDownDisabled in annotations) && !isKeptByUs(node)
  const frees = !kept && isKeptByUs(node)
  const value = keeps ? 'true' : null
  const metadata =
    keeps || frees ? { annotations: { [scaleDownDisabled]: value, [scaleDownDisabledByUs]: value } } : undefined
  if (avoided === isAvoided(node)) return metadata && { metadata }
  const others = (node.spec?.taints ?? []).filter((taint) => !isAvoidance(taint))
  const taints = avoided ? [...others, avoidance] : others
  // Lists are replaced as a whole: the version guards taints that others add meanwhile.
  return { metadata: { ...metadata, resourceVersion: node.metadata.resourceVersion }, spec: { taints } }
}

const avoidance: NodeTaint = { key: machineTaints.preferNoSchedule, value: 'True', effect: 'PreferNoSchedule' }

function isAvoidance({ key, effect }: NodeTaint): boolean {
  return key === avoidance.key && effect === avoidance.effect
}

function isAvoided({ spec }: Node): boolean {
  return (spec?.taints ?? []).some(isAvoidance)
}

function isKeptByUs({ metadata }: Node): boolean {
  return metadata.annotations?.[machineAnnotations.scaleDownDisabledByUs] === 'true'
}

/** Two lists of patches as one in which no node is twice; where both say something, the second list is right. */
export function mergedMarks(first: readonly NodeMark[], second: readonly NodeMark[]): readonly NodeMark[] {
  const patches = new Map(first.map((mark) => [mark.node.metadata.name, mark]))
  for (const { node, patch } of second) {
    const before = patches.get(node.metadata.name)
    patches.set(node.metadata.name, { node, patch: before === undefined ? patch : merged(before.patch, patch) })
  }
  return [...patches.values()]
}

function merged(first: object, second: object): object {
  const before = new Map<string, unknown>(Object.entries(first))
  const entries = Object.entries(second).map(([key, value]): [string, unknown] => {
    const present = before.get(key)
    return [key, isTree(present) && isTree(value) ? merged(present, value) : value]
  })
  return { ...first, ...Object.fromEntries(entries) }
}

function isTree(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
