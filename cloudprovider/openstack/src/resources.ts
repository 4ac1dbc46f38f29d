import type { ServerFault } from './failures.ts'

/** Anything that has an id and a name. */
export interface Identified {
  readonly id: string
  readonly name: string
}

/** An address of a server. */
export interface ServerAddress {
  readonly addr: string
  readonly version: number
  readonly 'OS-EXT-IPS:type'?: 'fixed' | 'floating'
}

/** A server of Nova, as far as it is looked at. */
export interface Server extends Identified {
  readonly status: string
  readonly metadata: Readonly<Record<string, string>>
  readonly tags?: readonly string[]
  readonly addresses?: Readonly<Record<string, readonly ServerAddress[]>>
  readonly fault?: ServerFault
  readonly 'OS-EXT-STS:task_state'?: string | null
  readonly 'OS-SRV-USG:launched_at'?: string | null
}

/** A port of Neutron. */
export interface Port extends Identified {
  readonly network_id: string
  readonly device_id: string
  readonly device_owner: string
  readonly tags?: readonly string[]
  readonly fixed_ips: readonly { readonly subnet_id: string; readonly ip_address: string }[]
  readonly security_groups: readonly string[]
  readonly allowed_address_pairs: readonly { readonly ip_address: string; readonly mac_address?: string }[]
  readonly created_at?: string
}

/** A network of Neutron. */
export interface Network extends Identified {
  readonly 'router:external'?: boolean
  readonly tags?: readonly string[]
  readonly description?: string
}

/** A load balancer of Octavia. */
export interface LoadBalancer extends Identified {
  readonly vip_subnet_id: string
  /** Port of Neutron that has its address. */
  readonly vip_port_id?: string
  readonly vip_address?: string
  /** `ACTIVE`, `ERROR`, or one that begins with `PENDING`, while which nothing can be changed. */
  readonly provisioning_status: string
  /** Who makes it, as in `amphora` or `ovn`. */
  readonly provider?: string
  readonly tags?: readonly string[]
}

/** A port of a load balancer. */
export interface Listener {
  readonly id: string
  readonly protocol: string
  readonly protocol_port: number
}

/** What traffic of a listener goes to. */
export type Pool = Identified

/** One of those that take the traffic. */
export interface Member {
  readonly address: string
  readonly protocol_port: number
}

/** A subnet of Neutron. */
export interface Subnet extends Identified {
  readonly description?: string
  readonly network_id: string
  readonly cidr: string
  readonly dns_nameservers: readonly string[]
  readonly tags?: readonly string[]
}

/** A route of a router beside those to its own subnets. */
export interface ExtraRoute {
  readonly destination: string
  /** An address in one of the router's subnets. */
  readonly nexthop: string
}

/** A router of Neutron. */
export interface Router extends Identified {
  readonly external_gateway_info: {
    readonly network_id: string
    readonly external_fixed_ips?: readonly { readonly ip_address: string }[]
  } | null
  readonly description?: string
  readonly routes?: readonly ExtraRoute[]
  readonly tags?: readonly string[]
}

/** A rule of a security group. */
export interface SecurityGroupRule {
  readonly id: string
  readonly direction: 'ingress' | 'egress'
  readonly ethertype: 'IPv4' | 'IPv6'
  readonly protocol: string | null
  readonly port_range_min: number | null
  readonly port_range_max: number | null
  readonly remote_ip_prefix: string | null
  readonly remote_group_id: string | null
  readonly description?: string
}

/** A security group of Neutron. */
export interface SecurityGroup extends Identified {
  readonly description?: string
  readonly security_group_rules?: readonly SecurityGroupRule[]
  readonly tags?: readonly string[]
}

/** A floating address of Neutron. */
export interface FloatingIp {
  readonly id: string
  readonly floating_ip_address: string
  readonly port_id: string | null
  readonly router_id?: string | null
  readonly description?: string
  readonly tags?: readonly string[]
  readonly created_at?: string
}

/** A key pair of Nova; its name is its id. */
export interface Keypair {
  readonly name: string
  readonly public_key: string
  readonly fingerprint: string
}

/** A volume of Cinder. */
export interface Volume extends Identified {
  readonly status: string
  readonly metadata: Readonly<Record<string, string>>
  readonly attachments: readonly unknown[]
  readonly created_at?: string
}
