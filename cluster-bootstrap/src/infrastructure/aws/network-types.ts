/** Tags by key. */
export type Tags = Readonly<Record<string, string>>

/** What everything in EC2 has. */
export interface Thing {
  readonly id: string
  readonly tags: Tags
}

/** Names and servers that machines learn with their address. */
export type DhcpOptions = Thing

/** A private network. */
export interface Vpc extends Thing {
  readonly cidr: string
  readonly dhcpOptionsId: string
}

/** What leads from a VPC to the internet. */
export interface InternetGateway extends Thing {
  readonly vpcIds: readonly string[]
}

/** Where packets go. */
export interface RouteTable extends Thing {
  readonly vpcId: string
  /** What the packets to everywhere go to; undefined when there is no such route, or one that leads nowhere. */
  readonly defaultTarget: string | undefined
  /** Whether there is a route to everywhere, wherever it leads. */
  readonly hasDefault: boolean
  /** Ids of associations by subnet. */
  readonly associations: ReadonlyMap<string, string>
}

/** A part of a VPC in one zone. */
export interface Subnet extends Thing {
  readonly vpcId: string
  readonly cidr: string
  readonly zone: string
}

/** A public address. */
export interface Address extends Thing {
  readonly associated: boolean
}

/** What lets machines without public addresses out. */
export interface NatGateway extends Thing {
  readonly state: string
  readonly subnetId: string
  /** Why it failed. */
  readonly failure: string | undefined
}

/** Packets that may pass. */
export interface Rule {
  readonly direction: 'in' | 'out'
  /** `tcp`, `udp`, or `-1` for all. */
  readonly protocol: string
  readonly fromPort: number
  readonly toPort: number
  /** A range, or the id of a security group. */
  readonly peer: string
  readonly description: string
}

/** A rule as a thing of its own. */
export interface IdentifiedRule extends Rule {
  readonly id: string
}

/** What may pass to and from machines. */
export interface SecurityGroup extends Thing {
  readonly name: string
  readonly vpcId: string
  readonly rules: readonly Rule[]
}

/** A public key for SSH. */
export interface KeyPair extends Thing {
  readonly name: string
}

/** A network interface, whoever made it. */
export interface LooseInterface extends Thing {
  readonly free: boolean
}

/** Everything in EC2 that infrastructure consists of, by sort. */
export interface Things {
  readonly 'dhcp-options': DhcpOptions
  readonly vpc: Vpc
  readonly 'internet-gateway': InternetGateway
  readonly 'route-table': RouteTable
  readonly subnet: Subnet
  readonly 'elastic-ip': Address
  readonly natgateway: NatGateway
  readonly 'security-group': SecurityGroup
  readonly 'key-pair': KeyPair
  readonly 'network-interface': LooseInterface
  readonly volume: LooseInterface
}

/** Sorts of things, as EC2's tags call them. */
export type Sort = keyof Things

/** One condition of a question; values are alternatives, conditions all hold. */
export interface Filter {
  readonly Name: string
  readonly Values: readonly string[]
}

/** What is to be made. */
export type Wish =
  | { readonly sort: 'dhcp-options'; readonly domain: string }
  | { readonly sort: 'vpc'; readonly cidr: string }
  | { readonly sort: 'internet-gateway' }
  | { readonly sort: 'route-table'; readonly vpcId: string }
  | { readonly sort: 'subnet'; readonly vpcId: string; readonly cidr: string; readonly zone: string }
  | { readonly sort: 'elastic-ip' }
  | { readonly sort: 'natgateway'; readonly subnetId: string; readonly allocationId: string }
  | { readonly sort: 'security-group'; readonly vpcId: string; readonly name: string }
  | { readonly sort: 'key-pair'; readonly name: string; readonly publicKey: string }

/** The calls of EC2 that infrastructure is made with. Each is one request (a question: one per page). Every fault is a `Failure`. */
export interface NetworkClient {
  find<Kind extends Sort>(sort: Kind, filters: readonly Filter[]): Promise<readonly Things[Kind][]>
  /** Rules of a security group, each with its id. */
  rulesOf(groupId: string): Promise<readonly IdentifiedRule[]>
  /** Makes a thing with its tags at one go; its id. */
  create(wish: Wish, tags: Tags): Promise<string>
  remove(sort: Sort, id: string): Promise<void>
  associateDhcpOptions(dhcpOptionsId: string, vpcId: string): Promise<void>
  /** Whether names of machines resolve within the VPC. */
  hasDnsHostnames(vpcId: string): Promise<boolean>
  enableDnsHostnames(vpcId: string): Promise<void>
  attachGateway(gatewayId: string, vpcId: string): Promise<void>
  detachGateway(gatewayId: string, vpcId: string): Promise<void>
  /** Makes or changes the route to everywhere; the target is an internet gateway or a NAT gateway. */
  setDefaultRoute(tableId: string, target: string, replace: boolean): Promise<void>
  associateTable(tableId: string, subnetId: string): Promise<void>
  disassociateTable(associationId: string): Promise<void>
  allow(groupId: string, direction: Rule['direction'], rules: readonly Rule[]): Promise<void>
  forbid(groupId: string, direction: Rule['direction'], rules: readonly Rule[]): Promise<void>
  /** The same tags on all of them. */
  setTags(ids: readonly string[], tags: Tags): Promise<void>
}

/** A load balancer that the cluster made. */
export interface LoadBalancer {
  readonly id: string
  /** Elder ones have another API. */
  readonly generation: 'classic' | 'current'
  readonly tags: Tags
}

/** The calls about load balancers, none of which infrastructure makes itself. */
export interface LoadBalancerClient {
  /** Those in a VPC. */
  inVpc(vpcId: string): Promise<readonly LoadBalancer[]>
  remove(balancer: LoadBalancer): Promise<void>
  /** What load balancers of the newer generation sent traffic to, in a VPC; they outlive them. */
  targetGroupsInVpc(vpcId: string): Promise<readonly Thing[]>
  removeTargetGroup(id: string): Promise<void>
}

/** A role, and what its bearers may do. */
export interface Role {
  readonly arn: string
  readonly tags: Tags
}

/** An instance profile, through which servers bear a role. */
export interface InstanceProfile {
  readonly arn: string
  readonly roles: readonly string[]
}

/** The calls of IAM that infrastructure is made with. Undefined stands for what is not there; removing that is no fault. */
export interface IdentityClient {
  role(name: string): Promise<Role | undefined>
  createRole(name: string, trust: string, tags: Tags): Promise<void>
  removeRole(name: string): Promise<void>
  policy(role: string, name: string): Promise<string | undefined>
  setPolicy(role: string, name: string, document: string): Promise<void>
  removePolicy(role: string, name: string): Promise<void>
  profile(name: string): Promise<InstanceProfile | undefined>
  createProfile(name: string, tags: Tags): Promise<void>
  addRole(profile: string, role: string): Promise<void>
  dropRole(profile: string, role: string): Promise<void>
  removeProfile(name: string): Promise<void>
}

/** Everything that is asked of AWS. */
export interface AwsClients {
  readonly network: NetworkClient
  readonly identity: IdentityClient
  readonly balancers: LoadBalancerClient
}
