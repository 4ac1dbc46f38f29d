import type { KubernetesObject } from '@trellis/api/meta'
import type { Change } from '@trellis/kubernetes/informer'
import { sameJson } from './equality.ts'

/** Shortest and longest pause. */
const shortest = 100
const longest = 1500

/**
 * How long an owner of that many machines waits for the rest of a flock before it counts them: machines change in flocks, and counting
 * looks at each. Growing with their number, it keeps the cost of a machine's change the same however many siblings it has.
 */
export function flockMilliseconds(machines: number): number {
  return Math.min(longest, Math.max(shortest, (machines * 3) / 10))
}

/** Whether nothing but the status of an object changed, as with every write of its own controller: what its users want of it is as before. */
export function onlyStatusChanged({ before, after }: Change<KubernetesObject>): boolean {
  if (before === undefined || after === undefined) return false
  const { generation } = after.metadata
  return generation !== undefined && generation === before.metadata.generation && sameJson(wish(before), wish(after))
}

/** What users say in the metadata, which has no generation. */
function wish({ metadata }: KubernetesObject): object {
  const { uid, labels, annotations, finalizers, ownerReferences, deletionTimestamp } = metadata
  return { uid, labels, annotations, finalizers, ownerReferences, deletionTimestamp }
}
