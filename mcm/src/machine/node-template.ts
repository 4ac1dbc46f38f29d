import type { Node, NodeTaint } from '@trellis/api/core/node'
import type { Machine } from '@trellis/api/machine/machine'
import { machineAnnotations, machineLabels } from '@trellis/api/machine/well-known'
import { canonicalJson, sameJson } from '../common/equality.ts'

/** What the node template of a machine asks for. */
interface Wanted {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly taints: readonly NodeTaint[]
}

/**
 * The merge patch that gives a Node its machine's name, labels, annotations and taints, and takes those away that an earlier template gave; undefined when
 * nothing is to be done. What others wrote is left alone; taints are told apart by key and effect.
 */
export function nodePatch(machine: Machine, node: Node): object | undefined {
  const wanted = wantedOf(machine)
  const before = lastApplied(node)
  const labels = changes(
    node.metadata.labels,
    { ...wanted.labels, [machineLabels.machineName]: machine.metadata.name },
    before.labels,
  )
  const annotations = changes(
    node.metadata.annotations,
    { ...wanted.annotations, [machineAnnotations.lastAppliedTemplate]: appliedText(wanted) },
    before.annotations,
  )
  const taints = taintsWith(node.spec?.taints ?? [], wanted.taints, before.taints)
  const parts = {
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
  }
  if (taints === undefined) return Object.keys(parts).length === 0 ? undefined : { metadata: parts }
  // Lists are replaced as a whole: the version guards taints that others add meanwhile.
  return { metadata: { ...parts, resourceVersion: node.metadata.resourceVersion }, spec: { taints } }
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
