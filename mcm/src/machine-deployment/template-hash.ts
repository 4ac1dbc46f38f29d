import { createHash } from 'node:crypto'
import type { MachineTemplate } from '@trellis/api/machine/common'
import { machineLabels } from '@trellis/api/machine/well-known'
import { canonicalJson } from '../common/equality.ts'

/** Letters that make no words, as Kubernetes uses them in generated names. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789'

/**
 * The part of a template whose change replaces machines: class, provider id and metadata. Node template, timeouts and the kind of the class
 * change in place.
 */
export function decisivePart(template: MachineTemplate | undefined) {
  const { [machineLabels.templateHash]: _, ...labels } = template?.metadata?.labels ?? {}
  const { annotations = {} } = template?.metadata ?? {}
  const { class: reference, providerID } = template?.spec ?? {}
  return {
    labels,
    annotations,
    class: { apiGroup: reference?.apiGroup ?? '', name: reference?.name ?? '' },
    providerID,
  }
}

/** Whether machines of one template need not be replaced to be machines of the other. */
export function sameTemplate(left: MachineTemplate | undefined, right: MachineTemplate | undefined): boolean {
  return canonicalJson(decisivePart(left)) === canonicalJson(decisivePart(right))
}

/** Ten characters that stand for a template, the same for templates that are {@link sameTemplate}. A collision count makes a new hash for a taken name. */
export function templateHash(template: MachineTemplate | undefined, collisionCount = 0): string {
  const text = `${canonicalJson(decisivePart(template))}${collisionCount === 0 ? '' : collisionCount}`
  const digest = createHash('sha256').update(text).digest()
  return [...digest.subarray(0, 10)].map((byte) => alphabet[byte % alphabet.length]).join('')
}
