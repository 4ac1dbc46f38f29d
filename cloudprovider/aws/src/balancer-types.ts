import type { Tags } from './server-tags.ts'

/** A Network Load Balancer. */
export interface Balancer {
  readonly arn: string
  readonly dnsName: string
  readonly internal: boolean
  /** Where it has addresses: one subnet in each zone. */
  readonly places: readonly { readonly zone: string; readonly subnetId: string }[]
}

/** A Network Load Balancer that is to be. */
export interface BalancerWish {
  readonly name: string
  readonly internal: boolean
  readonly subnetIds: readonly string[]
  readonly groupId: string
  readonly tags: Tags
}

/** What traffic of one listener goes to. */
export interface TargetGroup {
  readonly arn: string
  readonly name: string
}

/** A target group that is to be. */
export interface TargetGroupWish {
  readonly name: string
  readonly protocol: 'TCP' | 'UDP' | 'TCP_UDP'
  readonly port: number
  readonly vpcId: string
  readonly healthPort: number
  readonly tags: Tags
}

/** A server with the port that takes traffic. */
export interface Target {
  readonly id: string
  readonly port: number
}

/** A port of a load balancer. */
export interface Listener {
  readonly arn: string
  readonly protocol: string
  readonly port: number
}

/** A listener that is to be. */
export interface ListenerWish {
  readonly protocol: TargetGroupWish['protocol']
  readonly port: number
  readonly targetGroupArn: string
  readonly tags: Tags
}

/** The calls about load balancers, each one request (a question: one per page). Every fault is a `Failure`. */
export interface BalancerClient extends Disposable {
  find(name: string, signal?: AbortSignal): Promise<Balancer | undefined>
  create(wish: BalancerWish, signal?: AbortSignal): Promise<Balancer>
  setSubnets(arn: string, subnetIds: readonly string[], signal?: AbortSignal): Promise<void>
  /** Whether each of its addresses serves the nodes of all zones. */
  crossesZones(arn: string, signal?: AbortSignal): Promise<boolean>
  crossZones(arn: string, signal?: AbortSignal): Promise<void>
  /** Its listeners go with it. */
  remove(arn: string, signal?: AbortSignal): Promise<void>
  findTargetGroup(name: string, signal?: AbortSignal): Promise<TargetGroup | undefined>
  /** All of the account in the region: there is no question that asks for fewer and finds those that no load balancer uses. */
  allTargetGroups(signal?: AbortSignal): Promise<readonly TargetGroup[]>
  createTargetGroup(wish: TargetGroupWish, signal?: AbortSignal): Promise<TargetGroup>
  /** `Conflict` while a listener uses it. */
  removeTargetGroup(arn: string, signal?: AbortSignal): Promise<void>
  /** Those that take traffic, or will once they are found healthy. */
  targets(groupArn: string, signal?: AbortSignal): Promise<readonly Target[]>
  register(groupArn: string, targets: readonly Target[], signal?: AbortSignal): Promise<void>
  deregister(groupArn: string, targets: readonly Target[], signal?: AbortSignal): Promise<void>
  listeners(arn: string, signal?: AbortSignal): Promise<readonly Listener[]>
  createListener(arn: string, wish: ListenerWish, signal?: AbortSignal): Promise<void>
  removeListener(listenerArn: string, signal?: AbortSignal): Promise<void>
}
