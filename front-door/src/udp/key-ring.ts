import type { IpAddress } from 'node-wireguard/address'
import type { TunnelDestination } from '../destinations/destinations.ts'
import { isMeantFor, type Mac1Key, mac1KeyOf } from '../wireguard/mac1.ts'

/** Finds out for whom handshakes are. */
export interface KeyRing {
  /** Whose of these destinations the initiation is, and how many keys were tried. */
  findAmong(initiation: Buffer, names: Iterable<string>): { readonly name: string | undefined; readonly checks: number }
  /** The same among all. */
  find(initiation: Buffer): { readonly name: string | undefined; readonly checks: number }
  get(name: string): TunnelDestination | undefined
  /** Names of the destinations at these addresses. */
  namesAt(addresses: readonly IpAddress[]): readonly string[]
}

/** A ring of the keys of these destinations. The cost of one check is some microseconds, so whoever calls bounds them. */
export function createKeyRing(tunnels: readonly TunnelDestination[]): KeyRing {
  const destinations = new Map(tunnels.map((tunnel) => [tunnel.name, tunnel]))
  const keys = new Map<string, readonly Mac1Key[]>(
    tunnels.map(({ name, publicKeys }) => [name, publicKeys.map(mac1KeyOf)]),
  )
  const findAmong: KeyRing['findAmong'] = (initiation, names) => {
    let checks = 0
    for (const name of names) {
      for (const key of keys.get(name) ?? []) {
        checks++
        if (isMeantFor(initiation, key)) return { name, checks }
      }
    }
    return { name: undefined, checks }
  }
  const byAddress = Map.groupBy(tunnels, ({ target }) => target.address)
  return {
    findAmong,
    find: (initiation) => findAmong(initiation, keys.keys()),
    get: (name) => destinations.get(name),
    namesAt: (addresses) => addresses.flatMap((address) => (byAddress.get(address) ?? []).map(({ name }) => name)),
  }
}
