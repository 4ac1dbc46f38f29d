import { isFailure } from '@trellis/foundation/failure'
import { type Cidr, contains, hostCidr, type IpAddress } from 'node-wireguard/address'
import { parseEndpoint, type Resolve, resolveEndpoint } from 'node-wireguard/endpoint'
import type { RefusalReason } from './refusal.ts'

/** Where a stream may go: a port at each of these addresses, to be tried in turn. */
export interface Destination {
  readonly addresses: readonly [IpAddress, ...IpAddress[]]
  readonly port: number
}

/**
 * Reads the target of a CONNECT request, as in `100.96.0.3:10250`, `[fd00::3]:443` or `node-a:10250`. A name is resolved here, once, and judged by what it resolves to: who can change what a
 * name means reaches no more than who gives addresses. API servers send names only for nodes that have no other address.
 */
export async function findDestination(
  target: string,
  networks: readonly Cidr[],
  resolve: Resolve,
): Promise<Destination | { readonly refused: RefusalReason }> {
  try {
    const found = await resolveEndpoint(parseEndpoint(target), resolve)
    const [first, ...others] = found.filter(({ host }) => isAllowed(host, networks))
    if (first === undefined) return { refused: 'forbidden' }
    return { addresses: [first.host, ...others.map(({ host }) => host)], port: first.port }
  } catch (error) {
    return { refused: isFailure(error, 'Invalid') ? 'malformed' : 'unresolved' }
  }
}

/** Whether the address lies in one of the networks. IPv4 written as IPv6 is IPv6, and so in no IPv4 network. */
export function isAllowed(address: IpAddress, networks: readonly Cidr[]): boolean {
  return networks.some((network) => contains(network, hostCidr(address)))
}
