import type { BalancerClient, Listener, TargetGroup } from './balancer-types.ts'
import { differences, healthPort, targetGroupName, type WantedListener } from './load-balancer-plan.ts'
import type { Tags } from './server-tags.ts'

/** What a load balancer is to listen to, and who takes the traffic. */
export interface ListenersRequest {
  readonly balancerArn: string
  /** What AWS calls the load balancer. */
  readonly name: string
  readonly vpcId: string
  readonly tags: Tags
  readonly listeners: readonly WantedListener[]
  readonly serverIds: readonly string[]
}

/** Brings listeners, target groups and targets to what is asked for. What is no longer wanted goes first: a port that changes its protocol is free then. */
export async function ensureListeners(
  balancers: BalancerClient,
  request: ListenersRequest,
  signal: AbortSignal | undefined,
): Promise<void> {
  const present = await balancers.listeners(request.balancerArn, signal)
  const key = ({ protocol, port }: Pick<Listener, 'protocol' | 'port'>) => `${protocol} ${port}`
  const { missing, stale } = differences(request.listeners, present, { wanted: key, present: key })
  for (const listener of stale) await removeListener(balancers, request.name, listener, signal)
  for (const listener of request.listeners) {
    const group = await ensureTargetGroup(balancers, request, listener, signal)
    const targets = { ids: request.serverIds, port: listener.nodePort }
    await bringTargets(balancers, group.arn, targets, signal)
    if (!missing.includes(listener)) continue
    const { protocol, port } = listener
    const wish = { protocol, port, targetGroupArn: group.arn, tags: request.tags }
    await balancers.createListener(request.balancerArn, wish, signal)
  }
}

async function removeListener(
  balancers: BalancerClient,
  name: string,
  listener: Listener,
  signal: AbortSignal | undefined,
): Promise<void> {
  await balancers.removeListener(listener.arn, signal)
  const group = await balancers.findTargetGroup(targetGroupName(name, listener), signal)
  if (group !== undefined) await balancers.removeTargetGroup(group.arn, signal)
}

async function ensureTargetGroup(
  balancers: BalancerClient,
  { vpcId, tags }: ListenersRequest,
  { targetGroup, protocol, port }: WantedListener,
  signal: AbortSignal | undefined,
): Promise<TargetGroup> {
  const found = await balancers.findTargetGroup(targetGroup, signal)
  if (found !== undefined) return found
  return balancers.createTargetGroup({ name: targetGroup, protocol, port, vpcId, healthPort, tags }, signal)
}

async function bringTargets(
  balancers: BalancerClient,
  groupArn: string,
  wish: { readonly ids: readonly string[]; readonly port: number },
  signal: AbortSignal | undefined,
): Promise<void> {
  const wanted = wish.ids.map((id) => ({ id, port: wish.port }))
  const present = await balancers.targets(groupArn, signal)
  const key = ({ id, port }: { readonly id: string; readonly port: number }) => `${id} ${port}`
  const { missing, stale } = differences(wanted, present, { wanted: key, present: key })
  if (stale.length > 0) await balancers.deregister(groupArn, stale, signal)
  if (missing.length > 0) await balancers.register(groupArn, missing, signal)
}
