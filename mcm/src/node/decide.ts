import type { Node } from '@trellis/api/core/node'
import { machineAnnotations, machineFinalizers } from '@trellis/api/machine/well-known'

/** What is to be done about a Node that may have no machine. */
export type NodeDecision =
  | { readonly kind: 'nothing' }
  /** Its machine may still come, or be seen. */
  | { readonly kind: 'wait'; readonly milliseconds: number }
  /** No machine stands behind it: it is marked, and let go of. */
  | { readonly kind: 'disown'; readonly patch: object }

/** Value of the annotation that marks a Node without a machine. */
const marked = '1'

/**
 * Decides about one Node. Only a Node that has had no machine for as long as a machine may take to join is disowned; the mark is taken off again by its
 * machine, should one appear.
 */
export function decideNode(
  observed: { readonly node: Node; readonly hasMachine: boolean; readonly creationTimeoutMilliseconds: number },
  now: number,
): NodeDecision {
  const { node, hasMachine, creationTimeoutMilliseconds } = observed
  const { annotations = {}, finalizers = [], creationTimestamp, resourceVersion } = node.metadata
  const held = finalizers.includes(machineFinalizers.node)
  const told = annotations[machineAnnotations.notManaged] === marked
  if (hasMachine || (told && !held)) return { kind: 'nothing' }
  const left = Date.parse(creationTimestamp ?? '') + creationTimeoutMilliseconds - now
  if (left >= 0) return { kind: 'wait', milliseconds: left + 1 }
  const rest = finalizers.filter((name) => name !== machineFinalizers.node)
  return {
    kind: 'disown',
    patch: {
      metadata: {
        resourceVersion,
        annotations: { [machineAnnotations.notManaged]: marked },
        ...(held ? { finalizers: rest } : {}),
      },
    },
  }
}
