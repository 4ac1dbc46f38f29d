import type { LoadBalancerListener } from '@trellis/cloudprovider/contract/cloud-network'
import type { CallOptions } from '@trellis/cloudprovider/contract/driver'
import type { OpenStackClient } from './client.ts'
import { type WaitOptions, whenIdle } from './load-balancer-waiting.ts'
import type { LoadBalancer, Member } from './resources.ts'

/** What listeners are made with. */
export interface ListenerOptions extends WaitOptions {
  readonly client: Pick<OpenStackClient, 'loadBalancers' | 'listeners' | 'pools' | 'members' | 'setMembers'>
}

/** What a load balancer is to listen to, and where its traffic goes. */
export interface ListenersRequest {
  readonly balancer: LoadBalancer
  readonly listeners: readonly LoadBalancerListener[]
  /** Addresses of nodes. */
  readonly addresses: readonly string[]
}

/** Brings listeners, pools and members to what is asked for, one change after the other. What is not wanted any more goes first. */
export async function ensureListeners(
  options: ListenerOptions,
  request: ListenersRequest,
  call: CallOptions | undefined,
): Promise<void> {
  const { client } = options
  const { id } = request.balancer
  const [listeners, pools] = [
    await client.listeners.list({ loadbalancer_id: id }, call),
    await client.pools.list({ loadbalancer_id: id }, call),
  ]
  const settle = () => whenIdle(options, id, call)
  const wanted = new Set(request.listeners.map(poolName))
  const present = (listener: { readonly protocol: string; readonly protocol_port: number }) =>
    poolName({ protocol: listener.protocol, port: listener.protocol_port })
  for (const listener of listeners.filter((one) => !wanted.has(present(one)))) {
    await client.listeners.remove(listener.id, call)
    await settle()
  }
  for (const pool of pools.filter(({ name }) => !wanted.has(name))) {
    await client.pools.remove(pool.id, call)
    await settle()
  }
  for (const listener of request.listeners) {
    const name = poolName(listener)
    const poolId = pools.find((pool) => pool.name === name)?.id ?? (await createPool(options, request, listener, call))
    await bringMembers(options, { balancerId: id, poolId, members: membersOf(request, listener) }, call)
    if (listeners.some((one) => present(one) === name)) continue
    const place = { loadbalancer_id: id, default_pool_id: poolId }
    const { protocol, port } = listener
    await client.listeners.create({ ...place, name, protocol, protocol_port: port }, call)
    await settle()
  }
}

/** Both protocols of a port may be in use at once. */
function poolName({ protocol, port }: { readonly protocol: string; readonly port: number }): string {
  return `${protocol.toLowerCase()}-${port}`
}

function membersOf({ addresses }: ListenersRequest, { nodePort }: LoadBalancerListener): readonly Member[] {
  return addresses.map((address) => ({ address, protocol_port: nodePort }))
}

async function createPool(
  options: ListenerOptions,
  { balancer }: ListenersRequest,
  listener: LoadBalancerListener,
  call: CallOptions | undefined,
): Promise<string> {
  const pool = await options.client.pools.create(
    {
      loadbalancer_id: balancer.id,
      name: poolName(listener),
      protocol: listener.protocol,
      // The only way of dividing that this maker knows.
      lb_algorithm: balancer.provider === 'ovn' ? 'SOURCE_IP_PORT' : 'ROUND_ROBIN',
    },
    call,
  )
  await whenIdle(options, balancer.id, call)
  return pool.id
}

async function bringMembers(
  options: ListenerOptions,
  wish: { readonly balancerId: string; readonly poolId: string; readonly members: readonly Member[] },
  call: CallOptions | undefined,
): Promise<void> {
  const { client } = options
  const text = (members: readonly Member[]) =>
    members
      .map(({ address, protocol_port }) => `${address}:${protocol_port}`)
      .sort()
      .join()
  const present = await client.members(wish.poolId, call)
  if (text(present) === text(wish.members)) return
  const members = wish.members.map((member) => ({ ...member }))
  await client.setMembers(wish.poolId, members, call)
  await whenIdle(options, wish.balancerId, call)
}
