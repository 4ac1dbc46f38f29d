import { addressAt, formatAddress, parseRange, type Range } from './addresses.ts'
import type { LoadBalancerRecord, NetworkRecord, RouteRecord, ServerRecord } from './records.ts'

/** What is the same for every network of an installation. */
export interface CloudNetwork {
  readonly instance: string
  readonly publicRange: Range
  /** Where the core answers requests for instance metadata. */
  readonly metadataPort: number
}

/** What of the whole cloud matters to one network. */
export interface NetworkState {
  readonly network: NetworkRecord
  readonly servers: readonly ServerRecord[]
  readonly routes: readonly RouteRecord[]
  readonly loadBalancers: readonly LoadBalancerRecord[]
}

/** Addresses at the beginning of the public range that are never handed out. */
export const reservedPublicAddresses = 16
/** Addresses at the beginning of a network that are never handed out: the range itself and its gateway. */
export const reservedPrivateAddresses = 2

/** The core's own address: the API, instance metadata, and the way out of every network. */
export function coreAddress(publicRange: Range): string {
  return addressAt(publicRange, 1)
}

/** The host's address in the public network. */
export function hostAddress(publicRange: Range): string {
  return addressAt(publicRange, 2)
}

/** The gateway of a network: the first address of its range. */
export function gatewayOf(cidr: string): string {
  return formatAddress(parseRange(cidr, 'cidr').first + 1)
}
