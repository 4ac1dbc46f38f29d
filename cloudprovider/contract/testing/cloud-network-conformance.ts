import { isFailure } from '@trellis/foundation/failure'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { CloudNetwork, LoadBalancerRequest } from '../src/cloud-network.ts'

/** A cloud for one test: a network with servers, seen by two clusters. */
export interface CloudNetworkWorld extends AsyncDisposable {
  readonly network: CloudNetwork
  /** The same cloud, for another cluster with a network of its own. */
  readonly foreign: CloudNetwork
  /** Makes a server of that name in the network. */
  addNode(name: string): Promise<void>
  removeNode(name: string): Promise<void>
}

/** The law of {@link CloudNetwork}: every implementation runs it. */
export function describeCloudNetwork(name: string, createWorld: () => Promise<CloudNetworkWorld>): void {
  describe(`${name} as a cloud network`, () => {
    let world: CloudNetworkWorld
    beforeEach(async () => {
      world = await createWorld()
      await world.addNode('node-a')
      await world.addNode('node-b')
    })
    afterEach(() => world[Symbol.asyncDispose]())

    describe('load balancers', () => loadBalancerLaw(() => world))
    describe('routes', () => routeLaw(() => world))
  })
}

function request(changes: Partial<LoadBalancerRequest> = {}): LoadBalancerRequest {
  return {
    name: 'lb-one',
    service: 'default/one',
    listeners: [
      { name: 'api', protocol: 'TCP', port: 6443, nodePort: 31001 },
      { name: 'tunnel', protocol: 'UDP', port: 51820, nodePort: 31002 },
    ],
    nodes: ['node-a', 'node-b'],
    ...changes,
  }
}

function loadBalancerLaw(world: () => CloudNetworkWorld): void {
  it('makes one and gives its address', async () => {
    const ensured = await world().network.ensureLoadBalancer(request())
    expect(ensured.address).toMatch(/^[0-9a-f.:]+$/)
    expect(ensured.unknownNodes).toEqual([])
    expect(await world().network.listLoadBalancers()).toEqual([{ name: 'lb-one', service: 'default/one' }])
  })

  it('keeps the address through repeats and changes', async () => {
    const { network } = world()
    const { address } = await network.ensureLoadBalancer(request())
    const changed = request({ nodes: ['node-a'], listeners: request().listeners.slice(0, 1) })
    expect((await network.ensureLoadBalancer(request())).address).toBe(address)
    expect((await network.ensureLoadBalancer(changed)).address).toBe(address)
    expect(await network.listLoadBalancers()).toHaveLength(1)
  })

  it('takes one without nodes, and names nodes that the cloud does not know', async () => {
    const { network } = world()
    expect((await network.ensureLoadBalancer(request({ nodes: [] }))).unknownNodes).toEqual([])
    const ensured = await network.ensureLoadBalancer(request({ nodes: ['node-a', 'node-z'] }))
    expect(ensured.unknownNodes).toEqual(['node-z'])
  })

  it('deletes one, also twice', async () => {
    const { network } = world()
    await network.ensureLoadBalancer(request())
    await network.deleteLoadBalancer('lb-one')
    await network.deleteLoadBalancer('lb-one')
    expect(await network.listLoadBalancers()).toEqual([])
  })

  it('does not show load balancers of other clusters', async () => {
    await world().foreign.ensureLoadBalancer(request({ name: 'lb-foreign', nodes: [] }))
    expect(await world().network.listLoadBalancers()).toEqual([])
  })

  it('rejects with the reason when called off', async () => {
    const signal = AbortSignal.abort(new TypeError('called off'))
    await expect(world().network.ensureLoadBalancer(request(), { signal })).rejects.toThrow('called off')
  })
}

function routeLaw(world: () => CloudNetworkWorld): void {
  const route = { destination: '100.96.1.0/24', node: 'node-a' }

  it('makes one, also twice', async () => {
    const { network } = world()
    await network.ensureRoute(route)
    await network.ensureRoute(route)
    expect(await network.listRoutes()).toEqual([{ id: expect.any(String), ...route }])
  })

  it('refuses a destination that is routed elsewhere, and a node that the cloud does not know', async () => {
    const { network } = world()
    await network.ensureRoute(route)
    const conflict = await failureOf(network.ensureRoute({ ...route, node: 'node-b' }))
    expect(isFailure(conflict, 'Conflict')).toBe(true)
    const missing = await failureOf(network.ensureRoute({ destination: '100.96.2.0/24', node: 'node-z' }))
    expect(isFailure(missing, 'NotFound')).toBe(true)
  })

  it('deletes one, also twice', async () => {
    const { network } = world()
    await network.ensureRoute(route)
    const [found] = await network.listRoutes()
    await network.deleteRoute(found?.id ?? '')
    await network.deleteRoute(found?.id ?? '')
    expect(await network.listRoutes()).toEqual([])
  })

  it('never leads to a node that is gone', async () => {
    const { network } = world()
    await network.ensureRoute(route)
    await world().removeNode('node-a')
    expect((await network.listRoutes()).filter(({ node }) => node !== undefined)).toEqual([])
  })
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  )
}
