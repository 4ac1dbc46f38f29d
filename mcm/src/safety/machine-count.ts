import type { Machine } from '@trellis/api/machine/machine'
import type { Informer } from '@trellis/kubernetes/informer'
import { controllerOf } from '../common/ownership.ts'
import { isLeaving } from '../machine/phase.ts'
import type { MachineCount } from './overshoot.ts'

/** Machines by owner, counted as they come and go: no event costs more than two additions. */
export interface MachineCounts {
  of(ownerUid: string): MachineCount
  /** Follows the machines; `onChange` hears of each owner whose count changed, after it did. Returns how to stop. */
  follow(onChange: (owner: { readonly uid: string; readonly name: string }, grew: boolean) => void): () => void
}

const none: MachineCount = { all: 0, leaving: 0 }

/** Makes counts over an informer; nothing is counted before they follow it. */
export function createMachineCounts(machines: Informer<Machine>): MachineCounts {
  const counts = new Map<string, MachineCount>()
  const add = (machine: Machine | undefined, by: 1 | -1) => {
    const owner = machine === undefined ? undefined : controllerOf(machine)
    if (machine === undefined || owner === undefined) return undefined
    const { all, leaving } = counts.get(owner.uid) ?? none
    const after = { all: all + by, leaving: leaving + (isLeaving(machine) ? by : 0) }
    if (after.all === 0) counts.delete(owner.uid)
    else counts.set(owner.uid, after)
    return owner
  }
  return {
    of: (ownerUid) => counts.get(ownerUid) ?? none,
    follow: (onChange) =>
      machines.onChange(({ before, after }) => {
        const lost = add(before, -1)
        const gained = add(after, 1)
        const moved = lost?.uid !== gained?.uid
        if (lost !== undefined && moved) onChange(lost, false)
        if (gained === undefined) return
        const started = after !== undefined && before !== undefined && isLeaving(after) !== isLeaving(before)
        if (moved || started) onChange(gained, moved)
      }),
  }
}
