import { type Cidr, type Family, familyOf, type IpAddress, parseCidr } from 'node-wireguard/address'

/** Where a datagram came from. */
export interface Source {
  readonly address: IpAddress
  readonly port: number
}

/** A source as a key of maps. */
export type SourceKey = string & { readonly brand: 'SourceKey' }

/** The key of a source, unlike that of any other. */
export function sourceKeyOf({ address, port }: Source): SourceKey {
  return `${address} ${port}` as SourceKey
}

/** Networks by whose size senders are counted together: what one customer of a provider usually has at hand. */
export const sourceNetworkBits: Readonly<Record<Family, number>> = { 4: 24, 6: 48 }

/** The network that a source is counted with. */
export function sourceNetworkOf(address: IpAddress): Cidr {
  return parseCidr(`${address}/${sourceNetworkBits[familyOf(address)]}`)
}
