import type { LoadBalancerRequest } from '@trellis/cloudprovider/contract/cloud-network'
import { describeCloudLoadBalancers } from '@trellis/cloudprovider/contract/testing/cloud-network-conformance'
import { describe, expect, it } from 'vitest'
import { createOpenStackNetworkWorld } from '../testing/network-world.ts'
import { startOctaviaWorld } from '../testing/octavia-world.ts'

describeCloudLoadBalancers('OpenStack with Octavia', () => startOctaviaWorld())

function requestFor(nodes: readonly string[], change: Partial<LoadBalancerRequest> = {}): LoadBalancerRequest {
  const listeners: LoadBalancerRequest['listeners'] = [
    { name: 'dns', protocol: 'TCP', port: 53, nodePort: 31053 },
    { name: 'dns-udp', protocol: 'UDP', port: 53, nodePort: 31054 },
  ]
  return { name: 'lb-1', service: 'ns/one', listeners, nodes, ...change }
}

describe('a load balancer at OpenStack', () => {
  it('leads each port to its node port on every node, at a floating address', async () => {
    await using world = await startOctaviaWorld()
    const node = await world.addNode('node-a')
    const ensured = await world.network.ensureLoadBalancer(requestFor([node]))
    expect(ensured).toEqual({ address: '203.0.113.1', unknownNodes: [] })
    expect(world.pools()).toEqual(['tcp-53 10.250.0.4:31053', 'udp-53 10.250.0.4:31054'])
    const [balancer] = world.services.things.loadbalancers.values()
    const [floating] = world.services.things.floatingips.values()
    expect(balancer).toMatchObject({ name: 'kube_service_one_ns_one', vip_subnet_id: 'subnet-1' })
    expect(floating).toMatchObject({
      port_id: balancer?.vip_port_id,
      floating_network_id: 'outside',
      description: 'Floating IP for Kubernetes external service ns/one from cluster one',
    })
  })

  it('is made by whom the cluster chose, in the way that this maker knows', async () => {
    await using world = await startOctaviaWorld({ loadBalancerProvider: 'ovn' })
    await world.network.ensureLoadBalancer(requestFor([]))
    const { loadbalancers, pools } = world.services.things
    expect([...loadbalancers.values()]).toMatchObject([{ provider: 'ovn' }])
    const ways = [...pools.values()].map(({ lb_algorithm }) => lb_algorithm)
    expect(ways).toEqual(['SOURCE_IP_PORT', 'SOURCE_IP_PORT'])
  })

  it('follows ports and nodes, and asks for no change when nothing changed', async () => {
    await using world = await startOctaviaWorld()
    const nodes = [await world.addNode('node-a'), await world.addNode('node-b')]
    await world.network.ensureLoadBalancer(requestFor(nodes))
    const before = world.cloud.seen.length
    await world.network.ensureLoadBalancer(requestFor(nodes))
    const changes = world.cloud.seen.slice(before).filter(({ method }) => method !== 'GET')
    expect(changes).toEqual([])
    const listeners: LoadBalancerRequest['listeners'] = [{ name: 'dns', protocol: 'TCP', port: 53, nodePort: 32000 }]
    await world.network.ensureLoadBalancer(requestFor(nodes.slice(0, 1), { listeners }))
    expect(world.pools()).toEqual(['tcp-53 10.250.0.4:32000'])
    expect(world.services.things.listeners.size).toBe(1)
  })

  it('has no floating address when it is internal, also later', async () => {
    await using world = await startOctaviaWorld()
    await world.network.ensureLoadBalancer(requestFor([]))
    const ensured = await world.network.ensureLoadBalancer(requestFor([], { internal: true }))
    expect(ensured).toMatchObject({ address: expect.stringMatching(/^10\.250\.0\./) })
    expect([...world.services.things.floatingips]).toEqual([])
  })

  it('goes with all its parts, and with its address', async () => {
    await using world = await startOctaviaWorld()
    await world.network.ensureLoadBalancer(requestFor([]))
    await world.network.deleteLoadBalancer('lb-1')
    const { loadbalancers, listeners, pools, floatingips } = world.services.things
    expect([loadbalancers, listeners, pools, floatingips].map(({ size }) => size)).toEqual([0, 0, 0, 0])
  })

  it('goes on from where it was broken off', async () => {
    await using world = await startOctaviaWorld()
    const node = await world.addNode('node-a')
    for (const path of ['/loadbalancers', '/pools', '/members', '/listeners', '/floatingips']) {
      const { answer } = world.services
      let armed = true
      world.cloud.answer = (request) => {
        const answered = answer(request)
        if (!armed || request.method === 'GET' || !request.path.endsWith(path)) return answered
        armed = false
        return 'cut'
      }
      await expect(world.network.ensureLoadBalancer(requestFor([node]))).rejects.toThrow('did not answer')
    }
    await world.network.ensureLoadBalancer(requestFor([node]))
    const { loadbalancers, listeners, pools, floatingips } = world.services.things
    expect([loadbalancers, listeners, pools, floatingips].map(({ size }) => size)).toEqual([1, 2, 2, 1])
  })

  it('says so when Octavia failed, and when the router leads nowhere', async () => {
    await using world = await startOctaviaWorld()
    const router = { id: 'router-one', name: 'one', external_gateway_info: null, routes: [] }
    world.services.things.routers.set('router-one', router)
    await expect(world.network.ensureLoadBalancer(requestFor([]))).rejects.toMatchObject({ kind: 'Invalid' })
    const [balancer] = world.services.things.loadbalancers.values()
    const { answer } = world.services
    world.cloud.answer = (request) =>
      request.path.endsWith(`/loadbalancers/${balancer?.id}`)
        ? { status: 200, body: { loadbalancer: { ...balancer, provisioning_status: 'ERROR' } } }
        : answer(request)
    await expect(world.network.ensureLoadBalancer(requestFor([]))).rejects.toMatchObject({
      kind: 'Unavailable',
      remedy: expect.stringContaining(balancer?.id ?? 'none'),
    })
  })

  it('is refused by the name of its Service where there is no Octavia', async () => {
    const { network } = createOpenStackNetworkWorld()
    await expect(network.ensureLoadBalancer(requestFor([]))).rejects.toMatchObject({
      kind: 'Unimplemented',
      message: expect.stringContaining('ns/one'),
    })
    expect(await network.listLoadBalancers()).toEqual([])
    await network.deleteLoadBalancer('lb-1')
  })
})
