import type { Machine } from '@trellis/api/machine/machine'
import type { Informer } from '@trellis/kubernetes/informer'
import type { FreshReader } from '../common/freshness.ts'
import { mayReplace, replacementGroup } from './replacement-permit.ts'

/** Guards a deployment against losing many machines at a time. */
export interface ReplacementPermits {
  /** Leave to give this machine up; undefined when its deployment has lost enough for now. */
  take(machine: Machine): { release(): void } | undefined
  /** How soon to ask again. Changes of sibling machines are announced as well. */
  readonly recheckMilliseconds: number
}

/** Name of the informer index that {@link createReplacementPermits} reads. */
export const replacementGroupIndex = 'replacement-group'

/** Makes the guard over an informer that has the index {@link replacementGroupIndex}. */
export function createReplacementPermits(
  informer: Informer<Machine>,
  reader: FreshReader<Machine>,
): ReplacementPermits {
  const holders = new Map<string, string>()
  return {
    recheckMilliseconds: 30_000,
    take: (machine) => {
      const group = replacementGroup(machine)
      // A machine of nobody stands alone: nothing replaces it.
      if (group === undefined) return { release: () => {} }
      const { name } = machine.metadata
      if (holders.has(group)) return undefined
      if (!mayReplace(machine, reader.freshen(informer.byIndex(replacementGroupIndex, group)))) return undefined
      holders.set(group, name)
      return { release: () => void holders.delete(group) }
    },
  }
}
