import { createCoalescer } from '@trellis/cloudprovider/contract/coalesce'
import type { Clock } from '@trellis/foundation/clock'
import type { Instance } from './client-types.ts'

/** What was last seen of servers, by id. */
export interface Sightings {
  /** The server; what says that it is pending or running may be {@link freshMilliseconds} old. */
  byId(id: string, signal?: AbortSignal): Promise<Instance | undefined>
  note(instance: Instance): void
  forget(id: string): void
}

/** How long it is believed that a server lives. EC2's own answers lag by seconds; bad news is never kept. */
const freshMilliseconds = 10_000

/** Servers that were asked for within this time are looked at again together with the next one: who watches them comes back. */
const watchedMilliseconds = 90_000

/** Most ids that one call asks for, and how long the first question of a call waits for others. */
const mostIds = 200
const gatherMilliseconds = 100

/** Looks at servers; `look` asks the cloud once for all of them. */
export function createSightings(
  { clock }: { readonly clock: Clock },
  look: (ids: readonly string[]) => Promise<readonly Instance[]>,
): Sightings {
  const seen = new Map<string, { readonly instance: Instance; readonly at: number }>()
  const watched = new Map<string, number>()
  const isFresh = (id: string) => {
    const sighting = seen.get(id)
    return sighting !== undefined && clock.now() - sighting.at < freshMilliseconds
  }
  const note = (instance: Instance, at = clock.now()) => {
    seen.delete(instance.id)
    if (instance.state === 'pending' || instance.state === 'running') seen.set(instance.id, { instance, at })
  }
  const forget = (id: string) => {
    seen.delete(id)
    watched.delete(id)
  }
  const tidy = () => {
    const now = clock.now()
    for (const [id, { at }] of seen) if (now - at >= freshMilliseconds) seen.delete(id)
    for (const [id, at] of watched) if (now - at >= watchedMilliseconds) watched.delete(id)
  }
  const coalescer = createCoalescer<Instance>(
    { clock },
    {
      most: mostIds,
      withinMilliseconds: gatherMilliseconds,
      fetch: async (keys) => {
        tidy()
        const others = [...watched.keys()].filter((id) => !keys.includes(id))
        const asked = [...keys, ...others].slice(0, mostIds)
        const at = clock.now()
        const found = new Map((await look(asked)).map((instance) => [instance.id, instance]))
        for (const id of asked) if (!found.has(id)) forget(id)
        // What was forgotten while the answer was under way has changed since.
        for (const instance of found.values()) if (watched.has(instance.id)) note(instance, at)
        return found
      },
    },
  )
  return {
    byId: async (id, signal) => {
      signal?.throwIfAborted()
      watched.delete(id)
      watched.set(id, clock.now())
      return isFresh(id) ? seen.get(id)?.instance : coalescer.ask(id, signal)
    },
    note: (instance) => note(instance),
    forget,
  }
}
