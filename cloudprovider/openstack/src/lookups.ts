import type { CallOptions } from '@trellis/cloudprovider/contract/driver'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import type { OpenStackClient } from './client.ts'
import type { OpenStackProviderSpec, ServerNetwork } from './provider-spec.ts'
import type { Identified } from './resources.ts'

/** Ids of what classes call by name. */
export interface Lookups {
  flavor(name: string, call?: CallOptions): Promise<string>
  image(wish: OpenStackProviderSpec['image'], call?: CallOptions): Promise<string>
  network(wish: ServerNetwork, call?: CallOptions): Promise<string>
  /** Names and ids may be mixed. */
  securityGroups(wishes: readonly string[], call?: CallOptions): Promise<readonly string[]>
}

/** Names hardly ever change their meaning: a hundred machines of a class need one look. */
const keptMilliseconds = 60_000

type List = readonly Identified[]

/** Looks names up, and remembers what it found for a minute; what it did not find it looks up again. */
export function createLookups({ clock, client }: { readonly clock: Clock; readonly client: OpenStackClient }): Lookups {
  const remembered = new Map<string, { readonly until: number; readonly found: Promise<List> }>()
  const remember = (key: string, look: () => Promise<List>): Promise<List> => {
    const known = remembered.get(key)
    if (known !== undefined && known.until > clock.now()) return known.found
    const found = look()
    remembered.set(key, { until: clock.now() + keptMilliseconds, found })
    const forget = () => void (remembered.get(key)?.found === found && remembered.delete(key))
    found.then((list) => list.length === 0 && forget(), forget)
    return found
  }
  return {
    flavor: async (name) => {
      const flavors = await remember('flavors', () => client.flavors.list({}))
      const flavor = flavors.find((one) => one.name === name)
      if (flavor !== undefined) return flavor.id
      remembered.delete('flavors')
      // The reference counts this as a shortage, so that an autoscaler tries another pool: a region may lack a flavor for a while.
      throw new Failure('Exhausted', `the region has no flavor ${name}`, { field: 'providerSpec.spec.flavorName' })
    },
    image: async (wish) => {
      if ('id' in wish) return wish.id
      const found = await remember(`image ${wish.name}`, () => client.images.list({ name: wish.name }))
      return only(found, `image ${wish.name}`, 'providerSpec.spec.imageName', 'give imageID')
    },
    network: async ({ id, name = '', field }) => {
      if (id !== undefined) return id
      const found = await remember(`network ${name}`, () => client.networks.list({ name }))
      return only(found, `network ${name}`, `${field}.name`, 'give its id')
    },
    securityGroups: async (wishes) => {
      if (wishes.length === 0) return []
      const groups = await remember('security groups', () => client.securityGroups.list({ fields: ['id', 'name'] }))
      try {
        return wishes.map((wish, index) => groupOf(groups, wish, `providerSpec.spec.securityGroups[${index}]`))
      } catch (error) {
        remembered.delete('security groups')
        throw error
      }
    },
  }
}

function groupOf(groups: List, wish: string, field: string): string {
  if (groups.some(({ id }) => id === wish)) return wish
  const named = groups.filter(({ name }) => name === wish)
  return only(named, `security group ${wish}`, field, 'give its id')
}

function only(found: List, what: string, field: string, remedy: string): string {
  const [first, ...more] = found
  if (first === undefined) throw new Failure('Invalid', `there is no ${what}`, { field })
  if (more.length > 0) throw new Failure('Invalid', `there are ${found.length} of the name: ${what}`, { field, remedy })
  return first.id
}
