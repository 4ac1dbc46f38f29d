import { Failure } from '@trellis/foundation/failure'
import { formatAddress, nextFree, parseAddress, parseRange, type Range } from './addresses.ts'
import { reservedPrivateAddresses, reservedPublicAddresses } from './cloud-network.ts'
import type { NetworkRecord } from './records.ts'
import type { Store } from './store.ts'

/** Hands out addresses. An address is taken once the record that bears it is in the store, so allocate and store without a pause between. */
export interface AddressBook {
  /** A free address of the public range; throws `Exhausted` when there is none. */
  nextPublic(): string
  /** A free address of the network; throws `Exhausted` when there is none. */
  nextPrivate(network: NetworkRecord): string
  /** That address of the network; throws `Invalid` when servers cannot have it, `Conflict` when one has it. */
  thisPrivate(network: NetworkRecord, address: string): string
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
    thisPrivate: (network, address) => {
      requireUsable(network, address)
      const holder = store
        .list('server')
        .find((server) => server.network === network.id && server.privateAddress === address)
      if (holder === undefined && !foreign.has(address)) return address
      throw new Failure('Conflict', `${address} belongs to ${holder?.name ?? 'something that no record knows'}`, {
        field: 'privateAddress',
        remedy: 'choose another address, or none',
      })
    },
    reserve: (address) => void foreign.add(address),
  }
}

function requireUsable({ name, cidr }: NetworkRecord, address: string): void {
  const range = parseRange(cidr, 'cidr')
  const number = parseAddress(address)
  const [first, last] = [range.first + reservedPrivateAddresses, range.last - 1]
  if (number !== undefined && number >= first && number <= last) return
  throw new Failure('Invalid', `${address} is no address for a server of network ${name}`, {
    field: 'privateAddress',
    remedy: `use one from ${formatAddress(first)} to ${formatAddress(last)}`,
  })
}

function byAddress(one: string, other: string): number {
  return parseRange(`${one}/32`, 'address').first - parseRange(`${other}/32`, 'address').first
}
