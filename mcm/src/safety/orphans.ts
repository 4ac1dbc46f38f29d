import { type Machine, machines } from '@trellis/api/machine/machine'
import type { MachineClass } from '@trellis/api/machine/machine-class'
import type { Driver, Leftover } from '@trellis/cloudprovider/contract/driver'
import { readMachineCode } from '@trellis/cloudprovider/contract/machine-codes'
import type { Clock, Timer } from '@trellis/foundation/clock'
import { describe } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Client } from '@trellis/kubernetes/client'
import type { Informer } from '@trellis/kubernetes/informer'
import { type ClassLookup, type ClassView, readClass } from '../machine-class/resolve.ts'
import { type DuplicateServer, findDuplicates } from './duplicates.ts'
import { uselessLeftovers } from './leftovers.ts'
import { createSightings } from './sightings.ts'

/** All that collecting orphans works with. */
export interface OrphanContext {
  readonly clock: Clock
  readonly log: Log
  readonly namespace: string
  readonly control: Client
  readonly driver: Driver
  readonly classes: Informer<MachineClass>
  readonly machines: Informer<Machine>
  readonly lookup: ClassLookup
  readonly periodMilliseconds: number
  /** Leftovers that are younger, and second servers of a machine that were not seen for so long, are left alone. */
  readonly graceMilliseconds: number
}

/** A server without a machine. */
export interface Orphan {
  readonly providerId: string
  readonly machineName: string
}

/** Deletions and doubts are followed by a search after this long, all that come meanwhile by one. */
const soonMilliseconds = 60_000

/** Servers whose machine does not exist. Servers must have been listed before machines: a server is made after its machine. */
export function findOrphans(
  servers: ReadonlyMap<string, string>,
  machineNames: ReadonlySet<string>,
): readonly Orphan[] {
  return [...servers]
    .filter(([, machineName]) => !machineNames.has(machineName))
    .map(([providerId, machineName]) => ({ providerId, machineName }))
}

/** Deletes servers without a machine, second servers of a machine and what servers left behind, once per period and soon after machines went or were found to have several servers, until the signal aborts. Never throws. */
export async function collectOrphans(context: OrphanContext, signal: AbortSignal): Promise<void> {
  const { clock, log, periodMilliseconds } = context
  const collector = createOrphanCollector(context)
  const alarm = createAlarm(clock, signal)
  const stop = context.machines.onChange(({ before, after }) => {
    const went = before !== undefined && after === undefined
    if (went || (isDoubted(after) && !isDoubted(before))) alarm.ringWithin(soonMilliseconds)
  })
  while (!signal.aborted) {
    await alarm.ring(periodMilliseconds)
    if (signal.aborted) break
    try {
      await collector.collect(signal)
    } catch (error) {
      if (!signal.aborted) log.warn({ error: describe(error) }, 'orphans could not be collected')
    }
  }
  stop()
}

/** Whether the cloud said that one machine has several servers. */
function isDoubted(machine: Machine | undefined): boolean {
  return readMachineCode(machine?.status?.lastOperation ?? {}) === 'OutOfRange'
}

/** A clock to wait for, which others may set to an earlier time, also while nobody waits. */
function createAlarm(clock: Clock, signal: AbortSignal) {
  let due = Number.POSITIVE_INFINITY
  let timer: Timer | undefined
  let rung = Promise.withResolvers<void>()
  const ringWithin = (milliseconds: number) => {
    if (clock.now() + milliseconds >= due || signal.aborted) return
    due = clock.now() + milliseconds
    timer?.cancel()
    timer = clock.setTimer(milliseconds, () => rung.resolve())
  }
  signal.addEventListener('abort', () => {
    timer?.cancel()
    rung.resolve()
  })
  return {
    ringWithin,
    ring: async (milliseconds: number): Promise<void> => {
      ringWithin(milliseconds)
      await rung.promise
      due = Number.POSITIVE_INFINITY
      if (!signal.aborted) rung = Promise.withResolvers<void>()
    },
  }
}

/** Searches clouds for what nobody owns any more. */
export interface OrphanCollector {
  /** One search over all classes. What one class or deletion fails with keeps no other from being searched. Returns what was deleted. */
  collect(signal: AbortSignal): Promise<Collected>
}

/** What one search deleted. */
export interface Collected {
  readonly servers: readonly Orphan[]
  readonly duplicates: readonly DuplicateServer[]
  readonly leftovers: readonly Leftover[]
}

/** Something found at a cloud, and the class through which it can be deleted. */
interface Found<Thing> {
  readonly thing: Thing
  readonly view: ClassView
}

/** Makes a collector; it remembers when it saw leftovers and second servers first, for clouds that do not tell their age. */
export function createOrphanCollector(context: OrphanContext): OrphanCollector {
  const seenLeftovers = createSightings()
  const seenDuplicates = createSightings()
  return {
    collect: async (signal) => {
      const views = usableClasses(context)
      const servers = await search(context, views, 'servers', async ({ settings }) => {
        const listed = await context.driver.listMachines(settings, { signal })
        return [...listed].map(([providerId, machineName]) => ({ id: providerId, machineName }))
      })
      const leftovers = await search(
        context,
        views,
        'leftovers',
        async ({ settings }) => (await context.driver.listLeftovers?.(settings, { signal })) ?? [],
      )
      const now = context.clock.now()
      const firstSeen = seenLeftovers.note(leftovers.keys(), now)
      if (servers.size + leftovers.size === 0) {
        seenDuplicates.note([], now)
        return { servers: [], duplicates: [], leftovers: [] }
      }
      // Asked of the API server itself: an informer may be behind, and a wrong answer here costs a server.
      const present = await context.control.list<Machine>(machines, { namespace: context.namespace })
      const byName = new Map(present.items.map((machine) => [machine.metadata.name, machine]))
      const names = new Map([...servers].map(([id, { thing }]) => [id, thing.machineName]))
      const duplicates = findDuplicates({ servers: names, machines: byName })
      const duplicatesSeen = seenDuplicates.note(
        duplicates.map(({ providerId }) => providerId),
        now,
      )
      const doomed = duplicates.filter(
        ({ providerId }) => now - (duplicatesSeen.get(providerId) ?? now) >= context.graceMilliseconds,
      )
      return {
        servers: await deleteServers(context, servers, findOrphans(names, new Set(byName.keys())), signal),
        duplicates: await deleteDuplicates(context, servers, doomed, signal),
        leftovers: await deleteLeftovers(context, { leftovers, byName, firstSeen }, signal),
      }
    },
  }
}

function usableClasses({ classes, namespace, lookup }: OrphanContext): readonly ClassView[] {
  return classes.list(namespace).flatMap((machineClass) => {
    // One that has no machines any more, and so no finalizer, may well have orphans.
    const view = readClass({ name: machineClass.metadata.name }, lookup)
    return view.ok ? [view.value] : []
  })
}

/** Everything of one sort that the classes show, by id: several of them usually show the same. */
async function search<Thing extends { readonly id: string }>(
  { log }: OrphanContext,
  views: readonly ClassView[],
  what: string,
  list: (view: ClassView) => Promise<readonly Thing[]>,
): Promise<ReadonlyMap<string, Found<Thing>>> {
  const found = new Map<string, Found<Thing>>()
  for (const view of views) {
    try {
      for (const thing of await list(view)) found.set(thing.id, { thing, view })
    } catch (error) {
      const machineClass = view.machineClass.metadata.name
      log.warn({ machineClass, what, error: describe(error) }, 'a class could not be searched for orphans')
    }
  }
  return found
}

type FoundServers = ReadonlyMap<string, Found<{ readonly id: string; readonly machineName: string }>>

async function deleteServers(
  { driver, log }: OrphanContext,
  servers: FoundServers,
  orphans: readonly Orphan[],
  signal: AbortSignal,
): Promise<readonly Orphan[]> {
  const deleted: Orphan[] = []
  for (const orphan of orphans) {
    const { providerId, machineName } = orphan
    const view = servers.get(providerId)?.view
    if (view === undefined) continue
    log.warn({ providerId, machine: machineName }, 'deleting a server without a machine')
    try {
      await driver.deleteMachine({ machineName, providerId, ...view.settings }, { signal })
      deleted.push(orphan)
    } catch (error) {
      log.warn({ providerId, error: describe(error) }, 'a server without a machine could not be deleted')
    }
  }
  return deleted
}

async function deleteDuplicates(
  { driver, log }: OrphanContext,
  servers: FoundServers,
  duplicates: readonly DuplicateServer[],
  signal: AbortSignal,
): Promise<readonly DuplicateServer[]> {
  const deleted: DuplicateServer[] = []
  for (const duplicate of duplicates) {
    const { providerId, machineName } = duplicate
    const view = servers.get(providerId)?.view
    if (view === undefined) continue
    if (driver.deleteServer === undefined) {
      log.warn(
        { providerId, machine: machineName },
        'a machine has a second server, which its driver cannot delete alone',
      )
      continue
    }
    log.warn({ providerId, machine: machineName }, 'deleting a second server of a machine')
    try {
      await driver.deleteServer({ machineName, providerId, ...view.settings }, { signal })
      deleted.push(duplicate)
    } catch (error) {
      log.warn({ providerId, error: describe(error) }, 'a second server of a machine could not be deleted')
    }
  }
  return deleted
}

async function deleteLeftovers(
  { driver, log, clock, graceMilliseconds }: OrphanContext,
  {
    leftovers,
    byName,
    firstSeen,
  }: {
    readonly leftovers: ReadonlyMap<string, Found<Leftover>>
    readonly byName: ReadonlyMap<string, Machine>
    readonly firstSeen: ReadonlyMap<string, number>
  },
  signal: AbortSignal,
): Promise<readonly Leftover[]> {
  const listed = [...leftovers.values()].map(({ thing }) => thing)
  const observed = { leftovers: listed, machines: byName, firstSeen, graceMilliseconds }
  const deleted: Leftover[] = []
  for (const leftover of uselessLeftovers(observed, clock.now())) {
    const { id, kind, machineName } = leftover
    const view = leftovers.get(id)?.view
    if (view === undefined) continue
    log.warn({ id, kind, machine: machineName }, 'deleting what a server left behind')
    try {
      await driver.deleteLeftover?.(view.settings, leftover, { signal })
      deleted.push(leftover)
    } catch (error) {
      log.warn({ id, kind, error: describe(error) }, 'what a server left behind could not be deleted')
    }
  }
  return deleted
}
