import { isFailure } from '@trellis/foundation/failure'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type {
  CloudLoadBalancers,
  CloudNetwork,
  CloudRoutes,
  EnsuredLoadBalancer,
  LoadBalancerRequest,
} from '../src/cloud-network.ts'

/** A cloud for one test: a network with servers, seen by two clusters. */
export interface CloudNetworkWorld<Part = CloudNetwork> extends AsyncDisposable {
  readonly network: Part
  /** The same cloud, for another cluster with a network of its own. */
  readonly foreign: Part
  /** Makes a server in the network; what its node is called, which is `name` where the cloud lets us choose. */
  addNode(name: string): Promise<string>
  /** Ends the server of the node of that name. */
  removeNode(node: string): Promise<void>
}

/** A world with two nodes in it. */
interface Scene<Part> {
  readonly network: Part
  readonly foreign: Part
  readonly nodeA: string
  readonly nodeB: string
  removeNode(node: string): Promise<void>
}

/** The law of {@link CloudNetwork}: every implementation runs it. */
export function describeCloudNetwork(name: string, createWorld: () => Promise<CloudNetworkWorld>): void {
  describeCloudLoadBalancers(name, createWorld)
  describeCloudRoutes(name, createWorld)
}

/** The law of load balancers alone. */
export function describeCloudLoadBalancers(
  name: string,
  createWorld: () => Promise<CloudNetworkWorld<CloudLoadBalancers>>,
): void {
  describeInWorld(`${name} as a maker of load balancers`, createWorld, loadBalancerLaw)
}

/** The law of routes alone, for clouds whose load balancers nobody makes here. */
export function describeCloudRoutes(name: string, createWorld: () => Promise<CloudNetworkWorld<CloudRoutes>>): void {
  describeInWorld(`${name} as a maker of routes`, createWorld, routeLaw)
}

function describeInWorld<Part>(
  name: string,
  createWorld: () => Promise<CloudNetworkWorld<Part>>,
  law: (scene: () => Scene<Part>) => void,
): void {
  describe(name, () => {
    let world: CloudNetworkWorld<Part>
    let scene: Scene<Part>
    beforeEach(async () => {
      world = await createWorld()
      const { network, foreign } = world
      const [nodeA, nodeB] = [await world.addNode('node-a'), await world.addNode('node-b')]
      scene = { network, foreign, nodeA, nodeB, removeNode: (node) => world.removeNode(node) }
    })
    afterEach(() => world[Symbol.asyncDispose]())
    law(() => scene)
  })
}

function requestFor(nodes: readonly string[], changes: Partial<LoadBalancerRequest> = {}): LoadBalancerRequest {
  return {
    name: 'lb-one',
    service: 'default/one',
    listeners: [
      { name: 'api', protocol: 'TCP', port: 6443, nodePort: 31001 },
      { name: 'tunnel', protocol: 'UDP', port: 51820, nodePort: 31002 },
    ],
    nodes,
    ...changes,
  }
}

function loadBalancerLaw(scene: () => Scene<CloudLoadBalancers>): void {
  const both = (changes: Partial<LoadBalancerRequest> = {}) => requestFor([scene().nodeA, scene().nodeB], changes)

  it('makes one and gives its address', async () => {
    const { network } = scene()
    const ensured = await network.ensureLoadBalancer(both())
    expect(placeOf(ensured)).toMatch(/^[0-9a-f.:]+$|^[a-z0-9-]+(\.[a-z0-9-]+)+$/)
    expect(ensured.unknownNodes).toEqual([])
    expect(await network.listLoadBalancers()).toEqual([{ name: 'lb-one', service: 'default/one' }])
  })

  it('keeps the address through repeats and changes', async () => {
    const { network, nodeA } = scene()
    const place = placeOf(await network.ensureLoadBalancer(both()))
    const changed = both({ nodes: [nodeA], listeners: both().listeners.slice(0, 1) })
    expect(placeOf(await network.ensureLoadBalancer(both()))).toBe(place)
    expect(placeOf(await network.ensureLoadBalancer(changed))).toBe(place)
    expect(await network.listLoadBalancers()).toHaveLength(1)
  })

  it('takes one without nodes, and names nodes that the cloud does not know', async () => {
    const { network, nodeA } = scene()
    expect((await network.ensureLoadBalancer(both({ nodes: [] }))).unknownNodes).toEqual([])
    const ensured = await network.ensureLoadBalancer(both({ nodes: [nodeA, 'node-z'] }))
    expect(ensured.unknownNodes).toEqual(['node-z'])
  })

  it('deletes one, also twice', async () => {
    const { network } = scene()
    await network.ensureLoadBalancer(both())
    await network.deleteLoadBalancer('lb-one')
    await network.deleteLoadBalancer('lb-one')
    expect(await network.listLoadBalancers()).toEqual([])
  })

  it('does not show load balancers of other clusters', async () => {
    await scene().foreign.ensureLoadBalancer(requestFor([], { name: 'lb-foreign' }))
    expect(await scene().network.listLoadBalancers()).toEqual([])
  })

  it('rejects with the reason when called off', async () => {
    const signal = AbortSignal.abort(new TypeError('called off'))
    await expect(scene().network.ensureLoadBalancer(both(), { signal })).rejects.toThrow('called off')
  })
}

/** Its address or name. */
function placeOf(ensured: EnsuredLoadBalancer): string {
  return 'address' in ensured ? ensured.address : ensured.hostname
}

function routeLaw(scene: () => Scene<CloudRoutes>): void {
  const destination = '100.96.1.0/24'

  it('makes one, also twice', async () => {
    const { network, nodeA: node } = scene()
    await network.ensureRoute({ destination, node })
    await network.ensureRoute({ destination, node })
    expect(await network.listRoutes()).toEqual([{ id: expect.any(String), destination, node }])
  })

  it('makes several at once', async () => {
    const { network, nodeA, nodeB } = scene()
    const other = '100.96.2.0/24'
    await Promise.all([
      network.ensureRoute({ destination, node: nodeA }),
      network.ensureRoute({ destination: other, node: nodeB }),
    ])
    const found = (await network.listRoutes()).map((route) => `${route.destination} ${route.node}`)
    expect(found.sort()).toEqual([`${destination} ${nodeA}`, `${other} ${nodeB}`])
  })

  it('refuses a destination that is routed elsewhere, and a node that the cloud does not know', async () => {
    const { network, nodeA: node, nodeB } = scene()
    await network.ensureRoute({ destination, node })
    const conflict = await failureOf(network.ensureRoute({ destination, node: nodeB }))
    expect(isFailure(conflict, 'Conflict')).toBe(true)
    const missing = await failureOf(network.ensureRoute({ destination: '100.96.2.0/24', node: 'node-z' }))
    expect(isFailure(missing, 'NotFound')).toBe(true)
  })

  it('deletes one, also twice', async () => {
    const { network, nodeA: node } = scene()
    await network.ensureRoute({ destination, node })
    const [found] = await network.listRoutes()
    await network.deleteRoute(found?.id ?? '')
    await network.deleteRoute(found?.id ?? '')
    expect(await network.listRoutes()).toEqual([])
  })

  it('never leads to a node that is gone', async () => {
    const { network, nodeA: node, removeNode } = scene()
    await network.ensureRoute({ destination, node })
    await removeNode(node)
    expect((await network.listRoutes()).filter((route) => route.node !== undefined)).toEqual([])
  })

  it('rejects with the reason when called off', async () => {
    const { network, nodeA: node } = scene()
    const signal = AbortSignal.abort(new TypeError('called off'))
    await expect(network.ensureRoute({ destination, node }, { signal })).rejects.toThrow('called off')
  })
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  )
}
