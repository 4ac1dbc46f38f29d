import type { Node, NodeTaint } from '@trellis/api/core/node'
import type { Machine } from '@trellis/api/machine/machine'
import { machineAnnotations, machineFinalizers, machineLabels } from '@trellis/api/machine/well-known'
import { canonicalJson, sameJson } from '../common/equality.ts'

/** What the node template of a machine asks for. */
interface Wanted {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly taints: readonly NodeTaint[]
}

/** What a machine wants of its Node for other reasons than its template. */
export interface NodeWishes {
  /** Annotations to be set, or taken away where null. */
  readonly annotations?: Readonly<Record<string, string | null>>
  /** Taints to be set. */
  readonly taints?: readonly NodeTaint[]
  /** Taints to be taken away, by key and effect. */
  readonly untaint?: readonly NodeTaint[]
  /** Opens the Node for pods again. */
  readonly uncordon?: boolean
}

/**
 * The strategic patch that gives a Node its machine's name, finalizer, labels, annotations and taints, and takes those away that an earlier template gave;
 * undefined when nothing is to be done. What others wrote is left alone; taints are told apart by key and effect.
 */
export function nodePatch(machine: Machine, node: Node, wishes: NodeWishes = {}): object | undefined {
  const wanted = wantedOf(machine)
  const before = lastApplied(node)
  const labels = changes(
    node.metadata.labels,
    { ...wanted.labels, [machineLabels.machineName]: machine.metadata.name },
    before.labels,
  )
  const annotations = annotationChanges(node, wishes, wanted, before)
  const taints = taintsWith(
    node.spec?.taints ?? [],
    [...wanted.taints, ...(wishes.taints ?? [])],
    [...before.taints, ...(wishes.untaint ?? [])],
  )
  const finalizers = finalizersWith(node)
  const parts = {
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(finalizers === undefined ? {} : { finalizers }),
  }
  const opened = wishes.uncordon === true && node.spec?.unschedulable === true ? { unschedulable: null } : undefined
  if (taints === undefined) {
    if (opened !== undefined) return { metadata: parts, spec: opened }
    return Object.keys(parts).length === 0 ? undefined : { metadata: parts }
  }
  // Taints are replaced as a whole: the version guards those that others add meanwhile.
  return { metadata: { ...parts, resourceVersion: node.metadata.resourceVersion }, spec: { ...opened, taints } }
}

/** A Node of a machine is managed again, whatever was thought of it before. */
function annotationChanges(
  node: Node,
  wishes: NodeWishes,
  wanted: Wanted,
  before: Wanted,
): Record<string, string | null> | undefined {
  const present = node.metadata.annotations ?? {}
  const template = { ...wanted.annotations, [machineAnnotations.lastAppliedTemplate]: appliedText(wanted) }
  const others = { [machineAnnotations.notManaged]: null, ...wishes.annotations }
  const wished = Object.entries(others).filter(([key, value]) => (present[key] ?? null) !== value)
  const changed = changes(present, template, before.annotations)
  if (changed === undefined && wished.length === 0) return undefined
  return { ...changed, ...Object.fromEntries(wished) }
}

/** Its finalizer lets the machine controller see that somebody deletes the Node before it is gone. The API server refuses it on a Node that goes already. */
function finalizersWith(node: Node): readonly string[] | undefined {
  const held = (node.metadata.finalizers ?? []).includes(machineFinalizers.node)
  // A strategic patch joins finalizers: those of others need not be repeated.
  return held || node.metadata.deletionTimestamp !== undefined ? undefined : [machineFinalizers.node]
}

/** The merge patch that takes the finalizer off a Node; undefined when it has none. Guarded, since lists are replaced as a whole. */
export function releasePatch(node: Node): { readonly metadata: object } | undefined {
  const present = node.metadata.finalizers ?? []
  if (!present.includes(machineFinalizers.node)) return undefined
  const finalizers = present.filter((name) => name !== machineFinalizers.node)
  return { metadata: { resourceVersion: node.metadata.resourceVersion, finalizers } }
}

function wantedOf(machine: Machine): Wanted {
  const { metadata = {}, spec = {} } = machine.spec?.nodeTemplate ?? {}
  return { labels: metadata.labels ?? {}, annotations: metadata.annotations ?? {}, taints: spec.taints ?? [] }
}

/** What the annotation holds: a node template, as other machine controllers write it too. */
interface AppliedTemplate {
  readonly metadata?: { readonly labels?: Wanted['labels']; readonly annotations?: Wanted['annotations'] }
  readonly spec?: { readonly taints?: readonly NodeTaint[] }
}

function appliedText({ labels, annotations, taints }: Wanted): string {
  return canonicalJson({ metadata: { labels, annotations }, spec: { taints } } satisfies AppliedTemplate)
}

function lastApplied(node: Node): Wanted {
  const none: Wanted = { labels: {}, annotations: {}, taints: [] }
  const text = node.metadata.annotations?.[machineAnnotations.lastAppliedTemplate]
  if (text === undefined) return none
  try {
    const parsed = JSON.parse(text) as Partial<AppliedTemplate>
    const { labels = {}, annotations = {} } = parsed.metadata ?? {}
    return { labels, annotations, taints: parsed.spec?.taints ?? [] }
  } catch {
    return none
  }
}

function changes(
  present: Readonly<Record<string, string>> = {},
  wanted: Readonly<Record<string, string>>,
  before: Readonly<Record<string, string>>,
): Record<string, string | null> | undefined {
  const set = Object.entries(wanted).filter(([key, value]) => present[key] !== value)
  const unset = Object.keys(before).filter((key) => !(key in wanted) && key in present)
  if (set.length + unset.length === 0) return undefined
  return { ...Object.fromEntries(set), ...Object.fromEntries(unset.map((key) => [key, null])) }
}

function taintsWith(
  present: readonly NodeTaint[],
  wanted: readonly NodeTaint[],
  before: readonly NodeTaint[],
): readonly NodeTaint[] | undefined {
  const same = (left: NodeTaint) => (right: NodeTaint) => left.key === right.key && left.effect === right.effect
  const kept = present.filter((taint) => wanted.some(same(taint)) || !before.some(same(taint)))
  const updated = kept.map((taint) => {
    const own = wanted.find(same(taint))
    return own === undefined || (own.value ?? '') === (taint.value ?? '') ? taint : own
  })
  const added = wanted.filter((taint) => !present.some(same(taint)))
  const after = [...updated, ...added]
  return sameJson(after, present) ? undefined : after
}
