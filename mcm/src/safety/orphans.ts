import { type Machine, machines } from '@trellis/api/machine/machine'
import type { MachineClass } from '@trellis/api/machine/machine-class'
import type { Driver } from '@trellis/cloudprovider/contract/driver'
import type { Clock } from '@trellis/foundation/clock'
import { describe } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Client } from '@trellis/kubernetes/client'
import type { Informer } from '@trellis/kubernetes/informer'
import { type ClassLookup, type ClassView, resolveClass } from '../machine-class/resolve.ts'

/** All that collecting orphans works with. */
export interface OrphanContext {
  readonly clock: Clock
  readonly log: Log
  readonly namespace: string
  readonly control: Client
  readonly driver: Driver
  readonly classes: Informer<MachineClass>
  readonly lookup: ClassLookup
  readonly periodMilliseconds: number
}

/** A server without a machine. */
export interface Orphan {
  readonly providerId: string
  readonly machineName: string
}

/** Servers whose machine does not exist. Servers must have been listed before machines: a server is made after its machine. */
export function findOrphans(
  servers: ReadonlyMap<string, string>,
  machineNames: ReadonlySet<string>,
): readonly Orphan[] {
  return [...servers]
    .filter(([, machineName]) => !machineNames.has(machineName))
    .map(([providerId, machineName]) => ({ providerId, machineName }))
}

/** Deletes servers without a machine, once per period until the signal aborts. Never throws. */
export async function collectOrphans(context: OrphanContext, signal: AbortSignal): Promise<void> {
  const { clock, log, periodMilliseconds } = context
  while (!signal.aborted) {
    try {
      await clock.sleep(periodMilliseconds, signal)
      await collectOnce(context, signal)
    } catch (error) {
      if (!signal.aborted) log.warn({ error: describe(error) }, 'orphaned servers could not be collected')
    }
  }
}

/** One sweep over all classes. Returns the servers that were deleted. */
export async function collectOnce(context: OrphanContext, signal: AbortSignal): Promise<readonly Orphan[]> {
  const { namespace, control, driver, log } = context
  const views = context.classes.list(namespace).flatMap((machineClass): ClassView[] => {
    const view = resolveClass({ name: machineClass.metadata.name }, context.lookup)
    return view.ok ? [view.value] : []
  })
  const found = new Map<string, { readonly machineName: string; readonly view: ClassView }>()
  for (const view of views) {
    const servers = await driver.listMachines(view.settings, { signal })
    for (const [providerId, machineName] of servers) found.set(providerId, { machineName, view })
  }
  const names = new Map([...found].map(([providerId, { machineName }]) => [providerId, machineName]))
  if (names.size === 0) return []
  // Asked of the API server itself: an informer may be behind, and a wrong answer here costs a server.
  const present = await control.list<Machine>(machines, { namespace })
  const orphans = findOrphans(names, new Set(present.items.map(({ metadata }) => metadata.name)))
  for (const { providerId, machineName } of orphans) {
    const view = found.get(providerId)?.view
    if (view === undefined) continue
    log.warn({ providerId, machine: machineName }, 'deleting a server without a machine')
    await driver.deleteMachine({ machineName, providerId, ...view.settings }, { signal })
  }
  return orphans
}
