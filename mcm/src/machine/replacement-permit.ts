import type { Machine } from '@trellis/api/machine/machine'
import { machineLabels } from '@trellis/api/machine/well-known'
import { controllerOf } from '../common/ownership.ts'
import { isLeaving, phaseOf } from './phase.ts'

/** How many machines of one deployment may be under replacement at a time. A mass illness is more likely an illness of the judge. */
export const maxReplacements = 1

/** The group within which replacements are counted: the deployment that the machine's label names, else its owner; undefined for machines of nobody. */
export function replacementGroup(machine: Machine): string | undefined {
  return machine.metadata.labels?.[machineLabels.deploymentName] ?? controllerOf(machine)?.uid
}

/**
 * Whether one more machine of a deployment may be given up. Machines that fail, leave or are new and have not joined count;
 * those whose server the cloud refuses do not, so that a used-up quota does not forbid the repair of sick ones.
 */
export function mayReplace(machine: Machine, siblings: readonly Machine[]): boolean {
  const busy = siblings.filter(
    (sibling) => sibling.metadata.name !== machine.metadata.name && underReplacement(sibling),
  )
  return busy.length < maxReplacements
}

function underReplacement(machine: Machine): boolean {
  if (isLeaving(machine)) return true
  const phase = phaseOf(machine)
  return phase === 'Failed' || phase === 'Pending' || phase === 'Terminating' || phase === ''
}
