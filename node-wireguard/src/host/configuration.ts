import type { Cidr, IpAddress } from '../address.ts'

/** Everything about this network namespace that a tunnel needs, as one value: set whole, repeated at will. */
export interface HostConfiguration {
  readonly interfaceName: string
  /** Addresses of the interface itself, each with the longest prefix. Others on it are removed. */
  readonly addresses: readonly IpAddress[]
  readonly maximumTransmissionUnit: number
  /** Networks behind the interface. Other routes through it are removed. */
  readonly routes: readonly HostRoute[]
  readonly firewall: FirewallConfiguration
  /** Families in which packets pass from the tunnel to other interfaces and back. */
  readonly forwarding: readonly (4 | 6)[]
}

/** One network behind the interface. */
export interface HostRoute {
  readonly destination: Cidr
  /** Source address of packets that this host sends there. */
  readonly source?: IpAddress | undefined
}

/** Rules that live in one nftables table of our own, replaced in one transaction. */
export interface FirewallConfiguration {
  /** Name of the table, one per tunnel. */
  readonly tableName: string
  /** UDP port on the interface's addresses that the other end may probe; every other new connection from the tunnel to this host is dropped. */
  readonly probePort: number
  /** Addresses that the other end probes from. */
  readonly peerAddresses: readonly IpAddress[]
  /** Networks to which packets from the tunnel may pass through this host; empty: none. They leave with this host's own address. */
  readonly forwardTo: readonly Cidr[]
}
