import { type Coalescer, createCoalescer } from '@trellis/cloudprovider/contract/coalesce'
import type { CallOptions } from '@trellis/cloudprovider/contract/driver'
import type { Clock } from '@trellis/foundation/clock'
import type { ComputeClient, Instance, Place } from './client.ts'
import { getInstance, lastPart } from './find-servers.ts'
import { ownFilter } from './ownership.ts'

/** Questions of this long are asked together, and no more than these at once. */
const withinMilliseconds = 50
const mostKeys = 500

/** As many questions about one zone are asked one by one: a list costs no less. */
const fewKeys = 2

/** Sets of tags are as many as clusters; should there be more, the one that rested longest is forgotten. */
const mostSets = 1000

interface Shared {
  readonly clock: Clock
  readonly client: ComputeClient
  /** By network tags of ownership. */
  readonly looks: Map<string, Coalescer<Instance>>
}

/**
 * The server of a place, together with other questions of the moment about the same cluster: a hundred machines that are looked at cost one list of their cluster's servers.
 * What the list lacks is asked for by name before it counts as missing: servers of other managers have no labels to be found by.
 */
export function lookTogether(
  { clock, client, looks }: Shared,
  tags: readonly string[],
  place: Place,
  call?: CallOptions,
): Promise<Instance | undefined> {
  const filter = ownFilter(tags)
  const look =
    looks.get(filter) ??
    createCoalescer<Instance>(
      { clock },
      { most: mostKeys, withinMilliseconds, fetch: (keys) => fetchAll(client, filter, keys) },
    )
  looks.delete(filter)
  looks.set(filter, look)
  const [oldest] = looks.keys()
  if (looks.size > mostSets && oldest !== undefined) looks.delete(oldest)
  return look.ask(keyOf(place), call?.signal)
}

function keyOf({ zone, instance }: Place): string {
  return `${zone}/${instance}`
}

async function fetchAll(
  client: ComputeClient,
  filter: string,
  keys: readonly string[],
): Promise<ReadonlyMap<string, Instance>> {
  const names = Map.groupBy(keys, (key) => key.slice(0, key.indexOf('/')))
  const found = await Promise.all([...names].map(([zone, inZone]) => fetchZone(client, filter, zone, inZone)))
  return new Map(found.flatMap((one) => [...one]))
}

async function fetchZone(
  client: ComputeClient,
  filter: string,
  zone: string,
  keys: readonly string[],
): Promise<ReadonlyMap<string, Instance>> {
  const listed = keys.length > fewKeys ? await client.listInstances(zone, filter) : []
  const answers = new Map(listed.map((one) => [keyOf({ zone, instance: lastPart(one.name) }), one]))
  const missing = keys.filter((key) => !answers.has(key))
  await Promise.all(
    missing.map(async (key) => {
      const instance = await getInstance(client, { zone, instance: key.slice(zone.length + 1) })
      if (instance !== undefined) answers.set(key, instance)
    }),
  )
  return answers
}
