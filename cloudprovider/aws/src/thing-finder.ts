import { createCoalescer } from '@trellis/cloudprovider/contract/coalesce'
import type { Clock } from '@trellis/foundation/clock'
import type { Ec2Client, Filter, LooseKind, LooseThing } from './client-types.ts'
import { keptTag, nameTag, type Tags } from './server-tags.ts'

/** A loose thing with its sort. */
export interface SortedThing extends LooseThing {
  readonly kind: LooseKind
}

/** Finds what lies about of one cluster's servers. */
export interface ThingFinder {
  /** All that was made for servers of the cluster and that nothing holds. */
  all(): Promise<readonly SortedThing[]>
  /** The same for one machine. */
  ofMachine(machineName: string, signal?: AbortSignal): Promise<readonly SortedThing[]>
  /** One of them, also when something holds it or another cluster owns it; undefined when it is gone. */
  byId(kind: LooseKind, id: string): Promise<LooseThing | undefined>
}

const kinds: readonly LooseKind[] = ['network-interface', 'volume', 'address']

const idFilters: Readonly<Record<LooseKind, string>> = {
  'network-interface': 'network-interface-id',
  volume: 'volume-id',
  address: 'allocation-id',
}

/** Conditions that EC2 itself can judge; it cannot for addresses. */
const freeFilters: Readonly<Record<LooseKind, readonly Filter[]>> = {
  'network-interface': [{ Name: 'status', Values: ['available'] }],
  volume: [{ Name: 'status', Values: ['available'] }],
  address: [],
}

/** Tags of volumes that were made for pods, by the driver of the day and by those before it. */
const podVolumeTags = ['CSIVolumeName', 'ebs.csi.aws.com/cluster', 'kubernetes.io/created-for/pvc/name']

/** Most values that EC2 takes in one filter. */
const mostValues = 200
const gatherMilliseconds = 100

/** A finder of what carries these tags. */
export function createThingFinder(
  { clock, client }: { readonly clock: Clock; readonly client: Pick<Ec2Client, 'findLoose'> },
  owned: Tags,
): ThingFinder {
  const ownFilters: readonly Filter[] = Object.entries(owned).map(([key, value]) => ({
    Name: `tag:${key}`,
    Values: [value],
  }))
  const find = async (name: Filter): Promise<readonly SortedThing[]> => {
    const found = kinds.map(async (kind) => {
      const things = await client.findLoose(kind, [...ownFilters, ...freeFilters[kind], name])
      return things.filter(isNobodys).map((thing) => ({ ...thing, kind }))
    })
    return (await Promise.all(found)).flat()
  }
  const machines = createCoalescer<readonly SortedThing[]>(
    { clock },
    {
      most: mostValues,
      withinMilliseconds: gatherMilliseconds,
      fetch: async (keys) =>
        Map.groupBy(await find({ Name: `tag:${nameTag}`, Values: keys }), ({ tags }) => tags[nameTag] ?? ''),
    },
  )
  return {
    all: () => find({ Name: 'tag-key', Values: [nameTag] }),
    ofMachine: async (machineName, signal) => (await machines.ask(machineName, signal)) ?? [],
    byId: async (kind, id) => (await client.findLoose(kind, [{ Name: idFilters[kind], Values: [id] }]))[0],
  }
}

function isNobodys({ free, tags }: LooseThing): boolean {
  return free && tags[keptTag] === undefined && !podVolumeTags.some((key) => tags[key] !== undefined)
}
