import type { Machine } from '@trellis/api/machine/machine'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import { controllerReference } from '../common/ownership.ts'
import { livingPatch } from '../machine-set/template.ts'

/**
 * The patch that makes a machine, updated in place, one of another set in a single write: owner, labels and annotations of the template, and its class, so that
 * nothing refers to the old class any more. What others wrote to the machine stays.
 */
export function movePatch(machine: Machine, from: MachineSet, to: MachineSet): object {
  const before = from.spec?.template?.metadata ?? {}
  const after = to.spec?.template?.metadata ?? {}
  const living = (livingPatch(to, machine) ?? {}) as { metadata?: { annotations?: object }; spec?: object }
  const others = (machine.metadata.ownerReferences ?? []).filter(({ controller }) => controller !== true)
  return {
    metadata: {
      // Owners are replaced as a whole: the version guards those that others add meanwhile.
      resourceVersion: machine.metadata.resourceVersion,
      ownerReferences: [...others, controllerReference(to)],
      labels: replaced(before.labels, after.labels),
      annotations: { ...replaced(before.annotations, after.annotations), ...living.metadata?.annotations },
    },
    spec: { ...living.spec, class: to.spec?.template?.spec?.class },
  }
}

function replaced(
  before: Readonly<Record<string, string>> = {},
  after: Readonly<Record<string, string>> = {},
): Record<string, string | null> {
  const gone = Object.keys(before).filter((key) => !(key in after))
  return { ...Object.fromEntries(gone.map((key) => [key, null])), ...after }
}
