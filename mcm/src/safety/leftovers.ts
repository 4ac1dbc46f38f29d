import type { Machine } from '@trellis/api/machine/machine'
import type { Leftover } from '@trellis/cloudprovider/contract/driver'
import { isLeaving, phaseOf } from '../machine/phase.ts'

/** What was made for servers and belongs to none, and when this process saw each first. */
export interface LeftoverObservation {
  readonly leftovers: readonly Leftover[]
  /** Machines by name, listed after the leftovers were. */
  readonly machines: ReadonlyMap<string, Machine>
  /** By id of the leftover; counts where the cloud does not tell its age. */
  readonly firstSeen: ReadonlyMap<string, number>
  /** Nothing younger is touched: a creation under way may need it. */
  readonly graceMilliseconds: number
}

/** The leftovers that nobody will need again: older than the grace, and of no machine that is being made or is going. */
export function uselessLeftovers(
  { leftovers, machines, firstSeen, graceMilliseconds }: LeftoverObservation,
  now: number,
): readonly Leftover[] {
  return leftovers.filter((leftover) => {
    const since = leftover.createdAt ?? firstSeen.get(leftover.id) ?? now
    const machine = machines.get(leftover.machineName)
    return now - since >= graceMilliseconds && (machine === undefined || isSettled(machine))
  })
}

/** Whether the machine has its server and keeps it: then what hangs on no server, or on another one, is not its own. */
export function isSettled(machine: Machine): boolean {
  const made = machine.spec?.providerID !== undefined && machine.spec.providerID !== ''
  return made && !isLeaving(machine) && !['', 'Pending', 'CrashLoopBackOff', 'Terminating'].includes(phaseOf(machine))
}
