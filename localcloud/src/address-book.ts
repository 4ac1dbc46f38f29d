import { nextFree, parseRange, type Range } from './addresses.ts'
import { reservedPrivateAddresses, reservedPublicAddresses } from './cloud-network.ts'
import type { NetworkRecord } from './records.ts'
import type { Store } from './store.ts'

/** Hands out addresses. An address is taken once the record that bears it is in the store, so allocate and store without a pause between. */
export interface AddressBook {
  /** A free address of the public range; throws `Exhausted` when there is none. */
  nextPublic(): string
  /** A free address of the network; throws `Exhausted` when there is none. */
  nextPrivate(network: NetworkRecord): string
  /** Never hands out this address: something that the store does not know uses it. */
  reserve(address: string): void
}

/** An address book over the records of a store. */
export function createAddressBook(store: Store, publicRange: Range): AddressBook {
  const foreign = new Set<string>()
  const last = new Map<string, string>()
  const take = (pool: Parameters<typeof nextFree>[0], used: readonly string[], key: string): string => {
    const after = last.get(key) ?? [...used].sort(byAddress).at(-1)
    const address = nextFree(pool, new Set([...used, ...foreign]), after)
    last.set(key, address)
    return address
  }
  return {
    nextPublic: () => {
      const used = [
        ...store.list('network').map((network) => network.publicAddress),
        ...store.list('server').map((server) => server.publicAddress),
        ...store.list('load-balancer').map((balancer) => balancer.address),
      ]
      return take({ range: publicRange, reserved: reservedPublicAddresses, name: 'the public range' }, used, 'public')
    },
    nextPrivate: (network) => {
      const servers = store.list('server').filter((server) => server.network === network.id)
      const range = parseRange(network.cidr, 'cidr')
      const pool = { range, reserved: reservedPrivateAddresses, name: `network ${network.name}` }
      return take(
        pool,
        servers.map((server) => server.privateAddress),
        network.id,
      )
    },
    reserve: (address) => void foreign.add(address),
  }
}

function byAddress(one: string, other: string): number {
  return parseRange(`${one}/32`, 'address').first - parseRange(`${other}/32`, 'address').first
}
