import { describeCloudRoutes } from '@trellis/cloudprovider/contract/testing/cloud-network-conformance'
import { createSystemClock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import { afterEach, describe, expect, it } from 'vitest'
import { createOpenStackNetworkWorld, exampleSecret } from '../testing/network-world.ts'
import { type ScriptedCloud, startScriptedCloud } from '../testing/scripted-cloud.ts'
import { createOpenStackCloudNetwork } from './cloud-network.ts'

describeCloudRoutes('OpenStack in memory', async () => createOpenStackNetworkWorld())

describe('routes at OpenStack', () => {
  const destination = '100.96.1.0/24'

  it('lead to the address that a server has at the router, whatever others it has', async () => {
    const world = createOpenStackNetworkWorld()
    const node = await world.addNode('node-a')
    await world.network.ensureRoute({ destination, node })
    const port = [...world.double.ports.values()].find(({ name }) => name === node)
    expect(world.routes()).toEqual([`${destination} ${port?.fixed_ips[0]?.ip_address}`])
  })

  it('leave those of others, also such as come meanwhile', async () => {
    const world = createOpenStackNetworkWorld()
    const node = await world.addNode('node-a')
    await world.double.connect().addRouterRoutes('router-one', [{ destination: '10.9.0.0/16', nexthop: '10.250.0.9' }])
    await world.network.ensureRoute({ destination, node })
    const listed = await world.network.listRoutes()
    expect(listed.find((route) => route.destination === '10.9.0.0/16')).not.toHaveProperty('node')
    await world.network.deleteRoute(listed.find((route) => route.node === node)?.id ?? '')
    expect(world.routes()).toEqual(['10.9.0.0/16 10.250.0.9'])
    expect(world.double.calls).not.toContain('routers.update')
  })

  it('to an address that no node has give way', async () => {
    const world = createOpenStackNetworkWorld()
    const [gone, node] = [await world.addNode('node-a'), await world.addNode('node-b')]
    await world.network.ensureRoute({ destination, node: gone })
    await world.removeNode(gone)
    await world.network.ensureRoute({ destination, node })
    expect(world.routes()).toHaveLength(1)
    expect((await world.network.listRoutes()).map((route) => route.node)).toEqual([node])
  })

  it('of many nodes that come together share one look', async () => {
    const world = createOpenStackNetworkWorld()
    const nodes = await Promise.all(['node-a', 'node-b', 'node-c'].map((name) => world.addNode(name)))
    const requests = nodes.map((node, index) => ({ destination: `100.96.${index}.0/24`, node }))
    await Promise.all(requests.map((request) => world.network.ensureRoute(request)))
    const count = (name: string) => world.double.calls.filter((call) => call === name).length
    expect([count('routers.list'), count('servers.list'), count('addRouterRoutes')]).toEqual([1, 2, 3])
  })

  it('name the router that is not there, and pass on what Neutron refused', async () => {
    const world = createOpenStackNetworkWorld()
    const node = await world.addNode('node-a')
    world.double.failNext('addRouterRoutes', new Failure('Exhausted', 'too many routes'))
    await expect(world.network.ensureRoute({ destination, node })).rejects.toMatchObject({ kind: 'Exhausted' })
    world.double.routers.clear()
    await expect(world.network.listRoutes()).rejects.toMatchObject({ kind: 'NotFound', field: '--network' })
  })
})

describe('the words of Neutron', () => {
  let cloud: ScriptedCloud | undefined
  afterEach(() => cloud?.[Symbol.asyncDispose]())

  it('are the actions that add and take single routes', async () => {
    cloud = await startScriptedCloud(createSystemClock().now)
    const router = { id: 'r-1', name: 'one', external_gateway_info: null, routes: [] }
    cloud.answer = ({ path }) => ({
      status: 200,
      body: path.includes('/routers?') ? { routers: [router] } : { router },
    })
    const secret = { ...exampleSecret, authURL: cloud.authUrl }
    const place = { region: 'RegionOne', secret, clusterName: 'one', router: 'one' }
    using network = createOpenStackCloudNetwork({ clock: createSystemClock(), ...place })
    await network.deleteRoute('100.96.1.0/24 via 10.250.0.4')
    expect(cloud.seen.at(-1)).toMatchObject({
      method: 'PUT',
      path: '/neutron/v2.0/routers/r-1/remove_extraroutes',
      body: { router: { routes: [{ destination: '100.96.1.0/24', nexthop: '10.250.0.4' }] } },
    })
  })
})
