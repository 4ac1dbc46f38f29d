import { describeCloudRoutes } from '@trellis/cloudprovider/contract/testing/cloud-network-conformance'
import { createSystemClock } from '@trellis/foundation/clock'
import { describe, expect, it } from 'vitest'
import { GoogleError } from '../testing/google-error.ts'
import { createGoogleNetworkWorld } from '../testing/network-world.ts'
import { routeName } from './cloud-routes.ts'

const clock = createSystemClock()
const open = () => createGoogleNetworkWorld(clock)

describeCloudRoutes('Google Cloud', open)

describe('routes at Google Cloud', () => {
  const destination = '100.96.1.0/24'

  it('lead to the server, and say whose they are as the controllers of Kubernetes do', async () => {
    await using world = await open()
    const node = await world.addNode('node-a')
    await world.network.ensureRoute({ destination, node })
    expect(world.routes()).toMatchObject([
      {
        name: 'one-100-96-1-0-24',
        destRange: destination,
        description: 'k8s-node-route',
        priority: 1000,
        network: expect.stringMatching(/\/global\/networks\/shared$/),
        nextHopInstance: expect.stringMatching(/\/zones\/europe-west1-b\/instances\/node-a$/),
      },
    ])
  })

  it('are told apart from those of a cluster whose name begins alike, and from those of people', async () => {
    await using world = await open()
    const node = await world.addNode('node-a')
    await world.network.ensureRoute({ destination, node })
    expect(await world.foreign.listRoutes()).toEqual([])
    const { project, world: things } = world.cloud
    const routes = `${project}/global/routes`
    const link = things.link(`${project}/zones/europe-west1-b/instances`, node)
    const own = { network: things.link(`${project}/global/networks`, 'shared'), nextHopInstance: link }
    things.put(routes, 'vpn', { ...things.fresh('route', routes, 'vpn'), destRange: '10.9.0.0/16', ...own })
    expect(await world.network.listRoutes()).toHaveLength(1)
  })

  it('that lead to a server that is gone give way', async () => {
    await using world = await open()
    const [gone, node] = [await world.addNode('node-a'), await world.addNode('node-b')]
    await world.network.ensureRoute({ destination, node: gone })
    await world.removeNode(gone)
    await world.network.ensureRoute({ destination, node })
    expect((await world.network.listRoutes()).map((route) => route.node)).toEqual([node])
  })

  it('come to the same when an answer was lost, and pass on what the cloud refused', async () => {
    await using world = await open()
    const node = await world.addNode('node-a')
    world.cloud.fault('compute.routes.insert', { kind: 'lose' })
    await expect(world.network.ensureRoute({ destination, node })).rejects.toMatchObject({ kind: 'Unavailable' })
    await world.network.ensureRoute({ destination, node })
    expect(await world.network.listRoutes()).toHaveLength(1)
    const error = new GoogleError(403, 'quotaExceeded', "Quota 'ROUTES' exceeded. Limit: 250.0 globally.")
    world.cloud.fault('compute.routes.insert', { kind: 'refuse', error })
    await expect(world.network.ensureRoute({ destination: '100.96.2.0/24', node })).rejects.toMatchObject({
      kind: 'Exhausted',
    })
  })

  it('of many nodes that come together share the question for their servers', async () => {
    await using world = await open()
    const nodes = await Promise.all(['node-a', 'node-b', 'node-c'].map((name) => world.addNode(name)))
    const requests = nodes.map((node, index) => ({ destination: `100.96.${index}.0/24`, node }))
    await Promise.all(requests.map((request) => world.network.ensureRoute(request)))
    expect(world.cloud.calls.filter((call) => call === 'compute.instances.aggregatedList')).toHaveLength(1)
  })

  it('have names that the cloud takes, for the longest of clusters', () => {
    expect(routeName('shoot--proj--abcdefghijklmnopqrstuvwxyz01', '100.196.101.128/25').length).toBeLessThanOrEqual(63)
  })
})
