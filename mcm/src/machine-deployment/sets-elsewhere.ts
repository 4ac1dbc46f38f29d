import type { MachineSet } from '@trellis/api/machine/machine-set'
import { askAgainMilliseconds, type CatchUp, type CatchUpContext, createCatchUp } from '../machine-set/catch-up.ts'

/**
 * What may be coming of sets that another process works on. That process alone knows what it has made or let go and what this one does not see yet;
 * so after each change of a set's spec nothing may grow until the set has counted itself for it, and all machines that it had then are shown here.
 */
export interface SetsElsewhere {
  /**
   * Asks the API server, once for each change of a set's spec, for the machines of those that have counted themselves. Tells after how many milliseconds
   * to ask again, since what it holds is not all shown yet.
   */
  look(sets: readonly MachineSet[]): Promise<number | undefined>
  /** None of a set whose machines are known, and more than anybody asks for of all others. */
  coming(set: MachineSet): number
  forget(setUid: string): void
}

const unknownMany = 1_000_000

/** Makes it; no set is known. */
export function createSetsElsewhere(context: CatchUpContext): SetsElsewhere {
  const catchUp = createCatchUp(context)
  return {
    look: async (sets) => {
      const counted = sets.filter((set) => !isLeavingSet(set) && hasCounted(set))
      for (const set of counted) if (!isKnown(catchUp, set)) await catchUp.ask(set)
      return counted.every((set) => isKnown(catchUp, set)) ? undefined : askAgainMilliseconds
    },
    coming: (set) => (isLeavingSet(set) || (hasCounted(set) && isKnown(catchUp, set)) ? 0 : unknownMany),
    forget: catchUp.forget,
  }
}

/** The set's process stops making machines for an earlier spec before it says so. */
function hasCounted({ metadata, status }: MachineSet): boolean {
  return (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0)
}

function isKnown(catchUp: CatchUp, set: MachineSet): boolean {
  return catchUp.isAbreast(set) && catchUp.isSettled(set)
}

/** One that goes makes no more, and keeps the number that it was told last. */
function isLeavingSet({ metadata }: MachineSet): boolean {
  return metadata.deletionTimestamp !== undefined
}
