/** Ends a call early: it then rejects with the signal's reason. */
export interface NetworkCall {
  readonly signal?: AbortSignal
}

/** One port of a load balancer and the node port that it leads to. */
export interface LoadBalancerListener {
  readonly name: string
  readonly protocol: 'TCP' | 'UDP'
  readonly port: number
  readonly nodePort: number
}

/** The whole configuration of a load balancer. */
export interface LoadBalancerRequest {
  /** The same at each repeat, unique in the cloud. */
  readonly name: string
  /** Key of the Service that it belongs to, `namespace/name`. */
  readonly service: string
  readonly listeners: readonly LoadBalancerListener[]
  /** Names of the nodes that take the traffic; none means that connections are refused. */
  readonly nodes: readonly string[]
  /** Only to be reached from inside the cloud's network. */
  readonly internal?: true
}

/** Where a load balancer is found: at an address, or at a name that leads to its addresses. */
export type LoadBalancerPlace = { readonly address: string } | { readonly hostname: string }

/** A load balancer that is as it was asked for. */
export type EnsuredLoadBalancer = LoadBalancerPlace & {
  /** Nodes that the cloud does not know, which take no traffic. */
  readonly unknownNodes: readonly string[]
}

/** A load balancer of the cluster. */
export interface KnownLoadBalancer {
  readonly name: string
  readonly service: string
}

/** Packets to `destination` go to a node. */
export interface RouteRequest {
  readonly destination: string
  readonly node: string
}

/** A route of the cluster's network. */
export interface CloudRoute {
  readonly id: string
  readonly destination: string
  /** Absent when the server that it led to is gone. */
  readonly node?: string
  /** Parts of the network lack it: making it again, for the same node, adds it there. */
  readonly partial?: true
}

/** The routes of a cluster's network. Nodes are servers of that name. Every method may be repeated and has taken effect when it returns. */
export interface CloudRoutes {
  listRoutes(call?: NetworkCall): Promise<readonly CloudRoute[]>
  /** `NotFound` when the cloud does not know the node; `Conflict` when the destination is routed elsewhere. */
  ensureRoute(request: RouteRequest, call?: NetworkCall): Promise<void>
  /** One that does not exist is success. */
  deleteRoute(id: string, call?: NetworkCall): Promise<void>
}

/** The load balancers of a cluster. Nodes are servers of that name. Every method may be repeated and has taken effect when it returns. */
export interface CloudLoadBalancers {
  /** Makes the load balancer, or changes it; its place stays the same as long as it exists and is as internal as before. `Invalid` when the cloud cannot make one like that. */
  ensureLoadBalancer(request: LoadBalancerRequest, call?: NetworkCall): Promise<EnsuredLoadBalancer>
  /** The load balancers of this cluster, never those of others. */
  listLoadBalancers(call?: NetworkCall): Promise<readonly KnownLoadBalancer[]>
  /** One that does not exist is success. */
  deleteLoadBalancer(name: string, call?: NetworkCall): Promise<void>
}

/** What a cluster needs of its network at a cloud. Bound to one cluster and one network when it is made. Faults are `Failure`s of the closed kinds. */
export interface CloudNetwork extends CloudRoutes, CloudLoadBalancers {}
