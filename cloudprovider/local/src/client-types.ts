/** Free text attached to a resource, to find it again. */
export type Tags = Readonly<Record<string, string>>

/** What every resource of the cloud carries. `createdAt` is RFC 3339 text. */
export interface CloudResource {
  readonly id: string
  readonly name: string
  readonly tags: Tags
  readonly createdAt: string
}

/** A private network, isolated from all others. It is ready for use when the call that made it returns. */
export interface Network extends CloudResource {
  /** Private range; its first address is the gateway. */
  readonly cidr: string
  readonly gateway: string
  /** Address from which everything but the servers themselves (pods, for one) appears in the public network. */
  readonly publicAddress: string
}

/** What a network is made of. The same name and range again returns the existing network; another range is `Conflict`. */
export interface NetworkRequest {
  readonly name: string
  readonly cidr: string
  readonly tags?: Tags
}

/** A static route of one network: `destination` is reached through the private address of a server. */
export interface Route {
  readonly id: string
  readonly network: string
  readonly destination: string
  /** Id of the server. */
  readonly nextHopServer: string
  readonly createdAt: string
}

/** What a route is made of. A repeat returns the existing route; the same destination through another server is `Conflict`. */
export interface RouteRequest {
  readonly destination: string
  readonly nextHopServer: string
}

/** Where a server is in its life. `stopped`: it was running and ended by itself. `failed`: it could not be made; `failure` says why. */
export type ServerState = 'creating' | 'running' | 'stopped' | 'failed' | 'deleting'

/** Who tells a server about itself in the cloud's stead: requests for instance metadata go to `url` (`http://ADDRESS:PORT`) with the server's id in header `X-Instance-Id`; cloud-init is told to speak to it as `datasource`. */
export interface MetadataService {
  readonly url: string
  readonly datasource: 'Ec2' | 'OpenStack'
}

/** A machine. */
export interface Server extends CloudResource {
  /** Id of its network. */
  readonly network: string
  readonly image: string
  readonly flavor: string
  readonly state: ServerState
  readonly privateAddress: string
  /** Source of its own traffic in the public network. Nothing can connect to it. */
  readonly publicAddress: string
  readonly metadataService?: MetadataService
  readonly failure?: { readonly kind: string; readonly message: string; readonly remedy?: string }
}

/** What a server is made of. `network` is an id or a name. The name is unique in its network: a repeat with the same network, image and flavor returns the existing server. */
export interface ServerRequest {
  readonly name: string
  readonly network: string
  readonly image: string
  readonly flavor: string
  /** Text for cloud-init, at most 16,384 bytes. */
  readonly userData: string
  readonly tags?: Tags
  /** A free address of the network; the next one unless told. `Invalid` and `Conflict` name it. */
  readonly privateAddress?: string
  readonly metadataService?: MetadataService
}

/** Narrows a list; every given part must fit. */
export interface ListFilter {
  readonly tags?: Tags
  readonly name?: string
}

/** Narrows a list of servers or load balancers; `network` is an id or a name. */
export interface NetworkedListFilter extends ListFilter {
  readonly network?: string
}

/** One port of a load balancer. */
export interface Listener {
  readonly name: string
  readonly protocol: 'TCP' | 'UDP'
  readonly port: number
  readonly targetPort: number
}

/** A public address whose ports are spread over servers of one network. */
export interface LoadBalancer extends CloudResource {
  readonly network: string
  readonly address: string
  readonly listeners: readonly Listener[]
  /** Ids of servers. */
  readonly targets: readonly string[]
}

/** The whole configuration of a load balancer. `network` is an id or a name, `targets` are ids of servers of that network. */
export interface LoadBalancerRequest {
  readonly network: string
  readonly listeners: readonly Listener[]
  readonly targets: readonly string[]
  readonly tags?: Tags
}

/** A size of server. */
export interface Flavor {
  readonly name: string
  readonly cores: number
  readonly memoryBytes: number
}

/** A machine image: read-only directories, lowest first. */
export interface Image {
  readonly name: string
  readonly layers: readonly string[]
}

/** One limited thing. */
export interface QuotaUsage {
  readonly limit: number
  readonly used: number
}

/** What may be used in all and what is used. */
export interface Quota {
  readonly servers: QuotaUsage
  readonly cores: QuotaUsage
  readonly memoryBytes: QuotaUsage
}

/** Who answers. */
export interface CloudVersion {
  readonly version: string
  readonly instance: string
  /** Where the same API is served inside the cloud, as in `https://198.18.0.1:8443`. */
  readonly endpoint: string
  /** State files that cannot be read, and what to do about each. */
  readonly problems: readonly { readonly file: string; readonly message: string; readonly remedy: string }[]
}

/** What became of a deletion: it goes on in the background, or there is nothing (left). */
export type Deletion = 'deleting' | 'gone'
