import type { InfrastructureState } from '../engine.ts'
import { clusterTag, keyIn, nameOf, sortOf } from './names.ts'
import type { NetworkClient, Sort, Thing, Things } from './network-types.ts'

/** What of a cluster is there, as of the last look. */
export interface Survey {
  /** Looks at everything again, with one question for each sort of thing. */
  refresh(): Promise<void>
  /** Looks at one sort again. */
  refreshSort(sort: Sort): Promise<void>
  /** What has this key: by the id in the state or, without one, by its name. */
  find<Kind extends Sort>(sort: Kind, key: string): Things[Kind] | undefined
  /** Everything of that sort that carries the cluster's tag, whoever made it. */
  all<Kind extends Sort>(sort: Kind): readonly Things[Kind][]
  /** Keys of all that is there. */
  keys(): readonly string[]
}

const surveyed = [
  'dhcp-options',
  'vpc',
  'internet-gateway',
  'route-table',
  'subnet',
  'elastic-ip',
  'natgateway',
  'security-group',
  'key-pair',
] as const satisfies readonly Sort[]

/** Names of the filters that find by id. */
const idFilters: Readonly<Record<(typeof surveyed)[number], string>> = {
  'dhcp-options': 'dhcp-options-id',
  vpc: 'vpc-id',
  'internet-gateway': 'internet-gateway-id',
  'route-table': 'route-table-id',
  subnet: 'subnet-id',
  'elastic-ip': 'allocation-id',
  natgateway: 'nat-gateway-id',
  'security-group': 'group-id',
  'key-pair': 'key-pair-id',
}

/** States of NAT gateways that are as good as gone; EC2 shows them for an hour. */
const goneStates = ['deleting', 'deleted', 'failed']

/** A survey of what carries the tag of the cluster, and of what the state knows by id though it lost its tags. */
export function createSurvey(client: NetworkClient, technicalId: string, state: () => InfrastructureState): Survey {
  const things = new Map<Sort, readonly Thing[]>()
  const look = async (sort: (typeof surveyed)[number]) => {
    const tagged = await client.find(sort, [{ Name: 'tag-key', Values: [clusterTag(technicalId)] }])
    const known = Object.entries(state()).flatMap(([key, id]) => (sortOf(key) === sort ? [id] : []))
    const missing = known.filter((id) => !tagged.some((one) => one.id === id))
    const untagged = missing.length === 0 ? [] : await client.find(sort, [{ Name: idFilters[sort], Values: missing }])
    things.set(sort, [...tagged, ...untagged].filter(isPresent))
  }
  const refreshSort = async (sort: Sort) => {
    const known = surveyed.find((one) => one === sort)
    if (known !== undefined) await look(known)
  }
  const all = <Kind extends Sort>(sort: Kind) => (things.get(sort) ?? []) as readonly Things[Kind][]
  return {
    refreshSort,
    all,
    refresh: async () => void (await Promise.all(surveyed.map(look))),
    find: (sort, key) => {
      const id = state()[key]
      const name = nameOf(technicalId, key)
      const named = all(sort).filter(({ tags }) => tags.Name === name)
      const known = all(sort).find((one) => one.id === id)
      return known ?? named.sort((left, right) => (left.id < right.id ? -1 : 1))[0]
    },
    keys: () => {
      const named = surveyed.flatMap((sort) => all(sort).flatMap(({ tags }) => keyIn(technicalId, tags.Name) ?? []))
      return [...new Set([...named, ...Object.keys(state())])]
    },
  }
}

function isPresent(thing: Thing): boolean {
  return !('state' in thing && goneStates.includes(String(thing.state)))
}
