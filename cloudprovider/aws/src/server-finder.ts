import { createCoalescer } from '@trellis/cloudprovider/contract/coalesce'
import { carries } from '@trellis/cloudprovider/contract/tags'
import type { Clock } from '@trellis/foundation/clock'
import type { Ec2Client, Filter, Instance, InstanceState } from './client-types.ts'
import { createPresence } from './presence.ts'
import { nameTag, type Tags } from './server-tags.ts'
import { createSightings } from './sightings.ts'

/** Finds the servers of one cluster with as few calls as may be. */
export interface ServerFinder {
  /** Whether the cluster may have a server of that name. `false` may be half a minute old: whoever then makes one must do so with the machine's client token. */
  mayExist(machineName: string, signal?: AbortSignal): Promise<boolean>
  /** All of that name, in whatever state; never older than the question. */
  byName(machineName: string, signal?: AbortSignal): Promise<readonly Instance[]>
  /** The one of that id, if it is of this cluster. What says that a server lives may be some seconds old, as EC2's own answers are. */
  byId(id: string, signal?: AbortSignal): Promise<Instance | undefined>
  /** All that live. */
  all(): Promise<readonly Instance[]>
  /** Takes note of what a call of ours said. */
  note(instance: Instance): void
  /** Nothing that is known of it counts any longer. */
  forget(id: string): void
}

/** Most values that EC2 takes in one filter. */
const mostValues = 200

/** How long questions wait for others to share a call with. */
const gatherMilliseconds = 100

/** States of servers that cost money. */
const liveStates: readonly InstanceState[] = ['pending', 'running', 'stopping', 'stopped']

/** Whether a server has not ended and is not about to. */
export function isLive({ state }: Instance): boolean {
  return liveStates.includes(state)
}

/** A finder of the servers that carry these tags. */
export function createServerFinder(
  { clock, client }: { readonly clock: Clock; readonly client: Ec2Client },
  owned: Tags,
): ServerFinder {
  const ownFilters: readonly Filter[] = Object.entries(owned).map(([key, value]) => ({
    Name: `tag:${key}`,
    Values: [value],
  }))
  const all = () => client.findInstances([...ownFilters, { Name: 'instance-state-name', Values: liveStates }])
  const names = createCoalescer<readonly Instance[]>(
    { clock },
    {
      most: mostValues,
      withinMilliseconds: gatherMilliseconds,
      fetch: async (keys) => {
        const found = await client.findInstances([...ownFilters, { Name: `tag:${nameTag}`, Values: keys }])
        return Map.groupBy(found, ({ tags }) => tags[nameTag] ?? '')
      },
    },
  )
  // Ids are asked for by filter: of a plain list of ids one that is unknown fails the whole call.
  const sightings = createSightings({ clock }, async (ids) => {
    const found = await client.findInstances([{ Name: 'instance-id', Values: ids }])
    return found.filter(({ tags }) => carries(tags, owned))
  })
  const presence = createPresence({ clock }, async () => (await all()).map(({ tags }) => tags[nameTag] ?? ''))
  return {
    mayExist: (machineName, signal) => presence.mayExist(machineName, signal),
    byName: async (machineName, signal) => {
      const found = (await names.ask(machineName, signal)) ?? []
      found.forEach(sightings.note)
      return found
    },
    byId: (id, signal) => sightings.byId(id, signal),
    all,
    note: (instance) => {
      sightings.note(instance)
      presence.add(instance.tags[nameTag] ?? '')
    },
    forget: sightings.forget,
  }
}
