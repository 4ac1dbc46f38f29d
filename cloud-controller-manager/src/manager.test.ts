import { type Node, nodes } from '@trellis/api/core/node'
import { type EndpointSlice, endpointSlices, type Service, services } from '@trellis/api/core/service'
import type { CloudNetwork } from '@trellis/cloudprovider/contract/cloud-network'
import { withoutLoadBalancers } from '@trellis/cloudprovider/contract/without-load-balancers'
import { createLocalCloudNetwork } from '@trellis/cloudprovider/local/cloud-network'
import { createNetworkDouble, type NetworkDouble } from '@trellis/cloudprovider/local/testing/network-double'
import { createSystemClock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createFakeClient, type FakeClient } from '@trellis/kubernetes/testing/fake-client'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { frontDoor, readyNode } from '../testing/world.ts'
import { createManager } from './manager.ts'
import { loadBalancerFinalizer } from './service/load-balancer.ts'

const key = { namespace: 'shoot', name: 'kube-apiserver' }

let client: FakeClient
let cloud: NetworkDouble
let recorded: string[]
let stop: () => Promise<void>

beforeEach(() => {
  client = createFakeClient({ clock: createSystemClock(), random: createSeededRandom('fake') })
  cloud = createNetworkDouble(['net'])
  recorded = []
  stop = async () => {}
})
afterEach(() => stop())

/** Starts a manager; a second call is a process that takes over. */
function start(
  network: CloudNetwork = createLocalCloudNetwork({ client: cloud.client, network: 'net', clusterName: 'c' }),
): void {
  const controller = new AbortController()
  const manager = createManager({
    clock: createSystemClock(),
    random: createSeededRandom('manager'),
    log: createSilentLog(),
    client,
    network,
    events: { record: (_, { reason, note }) => void recorded.push(`${reason}: ${note}`) },
    controllers: ['service', 'route'],
    clusterCidr: undefined,
  })
  const running = manager.run(controller.signal)
  stop = async () => {
    controller.abort()
    await running
  }
}

async function addNode(name: string, spec: Parameters<typeof readyNode>[1] = {}): Promise<void> {
  cloud.addServer('net', name)
  await client.create(nodes, readyNode(name, spec))
}

const addressOf = (service: Service | undefined) => service?.status?.loadBalancer?.ingress?.[0]?.ip
const targetNames = () =>
  [...cloud.balancers.values()].flatMap(({ targets }) => targets.map((id) => cloud.servers.get(id)?.name))
const routesNow = () =>
  [...cloud.routes.values()]
    .map((route) => `${route.destination} ${cloud.servers.get(route.nextHopServer)?.name}`)
    .sort()

async function unavailability(name: string): Promise<string | undefined> {
  const node: Node = await client.get(nodes, { name })
  return node.status?.conditions?.find(({ type }) => type === 'NetworkUnavailable')?.status
}

async function untilAddressed(): Promise<string> {
  return vi.waitFor(async () => {
    const address = addressOf(await client.get(services, key))
    if (address === undefined) throw new TypeError('no address yet')
    return address
  })
}

describe('service', () => {
  it('gives a Service its load balancer, address and finalizer', async () => {
    await addNode('a')
    await client.create(services, frontDoor())
    start()
    const address = await untilAddressed()
    const service = await client.get(services, key)
    expect(service.metadata.finalizers).toEqual([loadBalancerFinalizer])
    expect(service.status?.loadBalancer?.ingress).toEqual([{ ip: address, ipMode: 'VIP' }])
    expect([...cloud.balancers.values()]).toMatchObject([
      {
        name: `lb-${service.metadata.uid}`,
        address,
        listeners: [
          { name: 'api', protocol: 'TCP', port: 6443, targetPort: 31001 },
          { name: 'tunnel', protocol: 'UDP', port: 51820, targetPort: 31002 },
        ],
      },
    ])
    expect(targetNames()).toEqual(['a'])
    await vi.waitFor(() => expect(recorded).toEqual([`EnsuredLoadBalancer: load balancer at ${address}`]))
  })

  it('tells the name of a load balancer where the cloud gives no address, in place of one from before', async () => {
    const named = async () => ({ hostname: 'lb.example.org', unknownNodes: [] })
    const local = createLocalCloudNetwork({ client: cloud.client, network: 'net', clusterName: 'c' })
    await client.create(services, frontDoor())
    start()
    await untilAddressed()
    await stop()
    start({ ...local, ensureLoadBalancer: named })
    await vi.waitFor(async () => {
      const { status } = await client.get(services, key)
      expect(status?.loadBalancer?.ingress).toEqual([{ hostname: 'lb.example.org' }])
    })
    await vi.waitFor(() => expect(recorded).toContain('EnsuredLoadBalancer: load balancer at lb.example.org'))
  })

  it('says which Service cannot have one where the cloud has none', async () => {
    const local = createLocalCloudNetwork({ client: cloud.client, network: 'net', clusterName: 'c' })
    await client.create(services, frontDoor())
    start({ ...local, ...withoutLoadBalancers('a small cloud', 'ask its operator') })
    const message = 'the Service shoot/kube-apiserver cannot have a load balancer: there are none at a small cloud'
    await vi.waitFor(() => expect(recorded).toContain(`SyncLoadBalancerFailed: ${message} (ask its operator)`))
  })

  it('gives an address before there is any node, and follows the nodes', async () => {
    await client.create(services, frontDoor())
    start()
    const address = await untilAddressed()
    await addNode('a')
    await vi.waitFor(() => expect(targetNames()).toEqual(['a']))
    await addNode('b')
    await vi.waitFor(() => expect(targetNames().sort()).toEqual(['a', 'b']))
    await client.delete(nodes, { name: 'a' })
    await vi.waitFor(() => expect(targetNames()).toEqual(['b']))
    expect(addressOf(await client.get(services, key))).toBe(address)
  })

  it('takes the load balancer away before it lets the Service go', async () => {
    await client.create(services, frontDoor())
    start()
    await untilAddressed()
    await client.delete(services, key)
    await vi.waitFor(async () => expect(await client.find(services, key)).toBeUndefined())
    expect(cloud.balancers.size).toBe(0)
  })

  it('takes it away when the type changes, and keeps the finalizers of others', async () => {
    await client.create(services, frontDoor())
    start()
    await untilAddressed()
    const metadata = { finalizers: ['example.com/other', loadBalancerFinalizer] }
    await client.patch(services, key, { metadata }, { type: 'merge' })
    await client.patch(services, key, { spec: { type: 'ClusterIP' } }, { type: 'merge' })
    await vi.waitFor(async () => {
      const service = await client.get(services, key)
      expect(service.metadata.finalizers).toEqual(['example.com/other'])
      expect(addressOf(service)).toBeUndefined()
    })
    expect(cloud.balancers.size).toBe(0)
  })

  it('finds load balancers whose Service went away while nobody watched, and leaves those of others', async () => {
    const listeners = [{ name: 'a', protocol: 'TCP' as const, port: 1, nodePort: 2 }]
    const [ours, foreign] = ['c', 'other'].map((clusterName) =>
      createLocalCloudNetwork({ client: cloud.client, network: 'net', clusterName }),
    )
    await ours?.ensureLoadBalancer({ name: 'lb-old', service: 'shoot/gone', listeners, nodes: [] })
    await foreign?.ensureLoadBalancer({ name: 'lb-foreign', service: 'shoot/gone', listeners, nodes: [] })
    start()
    await vi.waitFor(() => expect([...cloud.balancers.keys()]).toEqual(['lb-foreign']))
  })

  it('replaces the load balancer of an earlier Service of the same name', async () => {
    const network = createLocalCloudNetwork({ client: cloud.client, network: 'net', clusterName: 'c' })
    const listeners = [{ name: 'a', protocol: 'TCP' as const, port: 1, nodePort: 2 }]
    await network.ensureLoadBalancer({ name: 'lb-old', service: 'shoot/kube-apiserver', listeners, nodes: [] })
    const { metadata } = await client.create(services, frontDoor())
    start()
    await vi.waitFor(() => expect([...cloud.balancers.keys()]).toEqual([`lb-${metadata.uid}`]))
  })

  it('says in an event why it cannot, touches nothing, and goes on when it can', async () => {
    await client.create(services, frontDoor({ loadBalancerSourceRanges: ['10.0.0.0/8'] }))
    start()
    const failure = 'SyncLoadBalancerFailed: spec.loadBalancerSourceRanges is not supported'
    await vi.waitFor(() => expect(recorded).toContain(failure))
    expect(cloud.balancers.size).toBe(0)
    await client.patch(services, key, { spec: { loadBalancerSourceRanges: null } }, { type: 'merge' })
    await untilAddressed()
  })

  it('tries again when the cloud fails', async () => {
    const { setLoadBalancer } = cloud.client
    let failures = 2
    cloud.client.setLoadBalancer = async (...args) => {
      if (failures-- > 0) throw new Failure('Unavailable', 'the cloud is away')
      return setLoadBalancer(...args)
    }
    await client.create(services, frontDoor())
    start()
    await untilAddressed()
    expect(recorded[0]).toBe('SyncLoadBalancerFailed: the cloud is away')
  })

  it('follows the endpoints under policy Local', async () => {
    await addNode('a')
    await addNode('b')
    await client.create(services, frontDoor({ externalTrafficPolicy: 'Local' }))
    start()
    await untilAddressed()
    expect(targetNames()).toEqual([])
    const slice: EndpointSlice = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 's', namespace: 'shoot', labels: { 'kubernetes.io/service-name': 'kube-apiserver' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['100.96.0.2'], nodeName: 'b', conditions: { ready: true } }],
    }
    await client.create(endpointSlices, slice)
    await vi.waitFor(() => expect(targetNames()).toEqual(['b']))
  })
})

describe('route', () => {
  it('routes the pods of each node and says so', async () => {
    await addNode('a', { podCIDR: '100.96.0.0/24' })
    await addNode('b')
    start()
    await vi.waitFor(() => expect(routesNow()).toEqual(['100.96.0.0/24 a']))
    await vi.waitFor(async () => expect(await unavailability('a')).toBe('False'))
    await client.patch(nodes, { name: 'b' }, { spec: { podCIDR: '100.96.1.0/24' } }, { type: 'merge' })
    await vi.waitFor(() => expect(routesNow()).toEqual(['100.96.0.0/24 a', '100.96.1.0/24 b']))
  })

  it('takes away the routes of nodes that are gone, also those that went while nobody watched', async () => {
    await addNode('a', { podCIDR: '100.96.0.0/24' })
    const left = cloud.addServer('net', 'left')
    await cloud.client.createRoute('net', { destination: '100.96.7.0/24', nextHopServer: left.id })
    start()
    await vi.waitFor(() => expect(routesNow()).toEqual(['100.96.0.0/24 a']))
    await client.delete(nodes, { name: 'a' })
    await vi.waitFor(() => expect(routesNow()).toEqual([]))
  })

  it('moves a range to the node that has it now', async () => {
    await addNode('a', { podCIDR: '100.96.0.0/24' })
    start()
    await vi.waitFor(() => expect(routesNow()).toEqual(['100.96.0.0/24 a']))
    await client.delete(nodes, { name: 'a' })
    await addNode('b', { podCIDR: '100.96.0.0/24' })
    await vi.waitFor(() => expect(routesNow()).toEqual(['100.96.0.0/24 b']))
  })

  it('marks a node whose pods cannot be reached, without keeping others from theirs', async () => {
    await client.create(nodes, readyNode('stranger', { podCIDR: '100.96.9.0/24' }))
    await addNode('a', { podCIDR: '100.96.0.0/24' })
    start()
    await vi.waitFor(() => expect(routesNow()).toEqual(['100.96.0.0/24 a']))
    await vi.waitFor(async () => expect(await unavailability('stranger')).toBe('True'))
  })
})

it('a process that takes over changes nothing', async () => {
  await addNode('a', { podCIDR: '100.96.0.0/24' })
  await client.create(services, frontDoor())
  start()
  await untilAddressed()
  await vi.waitFor(async () => expect(await unavailability('a')).toBe('False'))
  await stop()
  const before = [structuredClone([...cloud.balancers]), structuredClone([...cloud.routes])]
  const calls = client.calls.length
  const looked = lookedAtEverything()
  start()
  await looked
  await stop()
  expect([[...cloud.balancers], [...cloud.routes]]).toEqual(before)
  const writes = client.calls.slice(calls).filter(({ method }) => !['list', 'watch', 'get', 'find'].includes(method))
  expect(writes).toEqual([])
})

/** Resolves once the load balancer was set and the routes were read again. */
async function lookedAtEverything(): Promise<void> {
  const { setLoadBalancer, listRoutes } = cloud.client
  const [set, listed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  cloud.client.setLoadBalancer = async (...args) => {
    const answer = await setLoadBalancer(...args)
    set.resolve()
    return answer
  }
  cloud.client.listRoutes = async (...args) => {
    const answer = await listRoutes(...args)
    listed.resolve()
    return answer
  }
  await Promise.all([set.promise, listed.promise])
}
