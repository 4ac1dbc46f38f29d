import type { Clock } from '@trellis/foundation/clock'
import { describe } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { type Family, familyOf } from 'node-wireguard/address'
import type { Target } from '../destinations/destinations.ts'
import { type Source, type SourceKey, sourceKeyOf } from '../udp/source.ts'
import type { KernelMaps, KernelTraffic } from './kernel-maps.ts'
import { emptyState, type KernelState, lastZone, planFlows, type WantedFlows } from './plan.ts'

/** Flows that the kernel forwards by itself. Disposing of it leaves them there. */
export interface KernelFlows extends AsyncDisposable {
  /** What it forwarded already when this program started. */
  readonly found: readonly { readonly source: Source; readonly target: Target }[]
  /** Whether it can forward from this source to this target: both are of one family, and the host forwards that family. */
  canCarry(source: Source, target: Target): boolean
  /** Has it forward, from the source to this target and no other any more. Returns at once; until it is done packets of the source still reach the program. */
  set(source: Source, target: Target): void
  remove(source: Source): void
  /** Whether it forwards packets of this source now. */
  holds(key: SourceKey): boolean
  size(): number
  /** What it has counted. Throws `Unavailable` when it cannot be asked; the table is put there anew then. */
  read(): Promise<KernelTraffic>
  /** Why the last change was not taken; undefined when it was. */
  problem(): string | undefined
}

/** What it takes. */
export interface KernelOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly maps: KernelMaps
  /** Families that this host forwards. */
  readonly families: readonly Family[]
}

const pauseAfterFailureMilliseconds = 1000

/**
 * Loads the rules, with all the flows that a former run of this program has left in this network namespace, in one transaction: tunnels that the kernel carries do not notice.
 * Throws `Unavailable` or `NotFound` when there is no nft or it may not.
 */
export async function openKernelFlows(options: KernelOptions): Promise<KernelFlows> {
  const { log, families, maps } = options
  const before = await maps.readState().catch((error: unknown) => {
    log.debug({ problem: describe(error) }, 'there are no flows of a former run')
    return emptyState
  })
  await maps.load(before)
  const wanted = new Map(wantedOf(before))
  const found = [...wanted.values()]
  const changes = createChanges(options, before, wanted)
  return {
    found,
    canCarry: (source, target) => {
      const family = familyOf(source.address)
      return family === familyOf(target.address) && families.includes(family)
    },
    set: (source, target) => {
      wanted.set(sourceKeyOf(source), { source, target })
      changes.begin()
    },
    remove: (source) => {
      if (wanted.delete(sourceKeyOf(source))) changes.begin()
    },
    holds: (key) => changes.state().flows.has(key),
    size: () => changes.state().flows.size,
    read: async () => {
      try {
        return await maps.readTraffic()
      } catch (error) {
        changes.beginAnew()
        throw error
      }
    },
    problem: changes.problem,
    [Symbol.asyncDispose]: changes.stop,
  }
}

function wantedOf({ flows, zones }: KernelState): WantedFlows {
  return new Map(
    [...flows].flatMap(([key, { source, zone }]) => {
      const target = zones.get(zone)
      return target === undefined ? [] : [[key, { source, target }] as const]
    }),
  )
}

/** Brings the kernel from what it has to what is wanted, one change at a time: what comes meanwhile goes with the next. */
function createChanges({ clock, log, maps, random }: KernelOptions, start: KernelState, wanted: WantedFlows) {
  const life = new AbortController()
  let state = start
  // A run before this one may have used numbers that it does not show any more.
  let lastUsed = random.integer(lastZone) + 1
  let problem: string | undefined
  let anew = false
  let working: Promise<void> | undefined

  async function changeOnce(): Promise<boolean> {
    const plan = planFlows(state, wanted, lastUsed)
    if (plan.text === '' && !anew) return false
    // Once something was refused nobody knows what is there: all of it is put there again.
    await (anew ? maps.load(plan.state) : maps.change(plan.text))
    state = plan.state
    lastUsed = plan.lastUsed
    anew = false
    problem = undefined
    return true
  }

  async function work(): Promise<void> {
    while (!life.signal.aborted) {
      try {
        if (!(await changeOnce())) return
      } catch (error) {
        problem = describe(error)
        anew = true
        log.warn({ problem }, 'the kernel does not take a change of flows')
        await clock.sleep(pauseAfterFailureMilliseconds, life.signal).catch(() => {})
      }
    }
  }

  function begin(): void {
    if (life.signal.aborted) return
    working ??= work().finally(() => {
      working = undefined
    })
  }

  return {
    state: () => state,
    problem: () => problem,
    begin,
    beginAnew: () => {
      anew = true
      begin()
    },
    stop: async () => {
      life.abort()
      await working
    },
  }
}
