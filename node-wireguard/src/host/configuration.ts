import type { Cidr, IpAddress } from '../address.ts'

/** Everything about this network namespace that a tunnel needs, as one value: set whole, repeated at will. */
export interface HostConfiguration {
  /** Interfaces of the tunnel, at least one. Several carry the same addresses, so that routes can move between them while connections stay open. */
  readonly links: readonly HostLink[]
  /** Addresses of every link, each with the longest prefix. */
  readonly addresses: readonly IpAddress[]
  /** Networks behind the links. Other routes through them, in whatever table, are removed. */
  readonly routes: readonly HostRoute[]
  /** Which packets ask which table. Left out: none; rules of ours that are not here are removed. */
  readonly rules?: readonly HostRule[]
  /** Number that marks routing rules as ours, from 128 to 255; 175 unless told. A second tunnel with rules in the same namespace needs one of its own. */
  readonly ruleProtocol?: number
  readonly firewall: FirewallConfiguration
  /** Families in which packets pass from the tunnel to other interfaces and back. */
  readonly forwarding: readonly (4 | 6)[]
}

/** One interface of a tunnel. */
export interface HostLink {
  readonly interfaceName: string
  readonly maximumTransmissionUnit: number
  /** Addresses of this link alone, for telling the links apart. Any that are neither here nor in the configuration's addresses are removed. */
  readonly addresses?: readonly IpAddress[]
}

/** One network behind a link. */
export interface HostRoute {
  readonly destination: Cidr
  /** Source address of packets that this host sends there. */
  readonly source?: IpAddress | undefined
  /** Largest packet that goes this way; what the link takes unless told. */
  readonly maximumTransmissionUnit?: number | undefined
  /** The link that leads there; the first unless told. */
  readonly interfaceName?: string | undefined
  /** Number of the routing table; 254, the main one, unless told. */
  readonly table?: number | undefined
}

/** One routing rule: packets that match everything that is given look in the table. */
export interface HostRule {
  readonly family: 4 | 6
  /** Rules are asked in ascending order, from 1 to 32765. */
  readonly priority: number
  readonly from?: Cidr
  readonly to?: Cidr
  /** Mark of the packet, as a device's `firewallMark` sets it. */
  readonly mark?: number
  readonly table: number
}

/** Rules that live in one nftables table of our own, replaced in one transaction. */
export interface FirewallConfiguration {
  /** Name of the table, one per tunnel. */
  readonly tableName: string
  /** UDP port on the links' addresses that the other end may probe; every other new connection from the tunnel to this host is dropped. */
  readonly probePort: number
  /** Addresses that the other end probes from. */
  readonly peerAddresses: readonly IpAddress[]
  /** Networks to which packets from the tunnel may pass through this host, by their real names; empty: none. They leave with this host's own address. */
  readonly forwardTo: readonly Cidr[]
  /** Networks that the two sides call by different names because both have them. Left out: none. */
  readonly translation?: Translation
}

/** Networks that are called something else inside the tunnel, bit for bit: the host part of an address stays. */
export interface Translation {
  /** Networks of this side: what the other end sends to `mapped` reaches `real`, and what comes from `real` enters the tunnel as from `mapped`. */
  readonly own: readonly NetworkMapping[]
  /** Networks of the other side: what processes of this host send to `real` enters the tunnel as to `mapped`, to which a route must lead. */
  readonly remote: readonly RemoteMapping[]
}

/** A network and its other name: same family, same length. */
export interface NetworkMapping {
  readonly real: Cidr
  readonly mapped: Cidr
}

/** A mapping of the other side's network, whose real name may be taken on this side too. */
export interface RemoteMapping extends NetworkMapping {
  /** Only packets of processes of this group; left out: of all. */
  readonly groupId?: number
}
