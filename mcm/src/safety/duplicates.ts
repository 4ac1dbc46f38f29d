import type { Machine } from '@trellis/api/machine/machine'
import { isSettled } from './leftovers.ts'

/** A server that a machine has beside its own. */
export interface DuplicateServer {
  readonly providerId: string
  readonly machineName: string
}

/** What tells servers that are too many from those that are needed. */
export interface DuplicateObservation {
  /** Machine names by provider id. */
  readonly servers: ReadonlyMap<string, string>
  /** Machines by name, read after the servers were listed. */
  readonly machines: ReadonlyMap<string, Machine>
}

/**
 * Servers of machines that have another one. Only where the machine is neither being made nor going, and its own server is listed too: an id that matches
 * nothing says that something is misunderstood, and then nothing may be deleted.
 */
export function findDuplicates({ servers, machines }: DuplicateObservation): readonly DuplicateServer[] {
  return [...servers].flatMap(([providerId, machineName]) => {
    const machine = machines.get(machineName)
    if (machine === undefined || !isSettled(machine)) return []
    const own = machine.spec?.providerID ?? ''
    return providerId !== own && servers.get(own) === machineName ? [{ providerId, machineName }] : []
  })
}
