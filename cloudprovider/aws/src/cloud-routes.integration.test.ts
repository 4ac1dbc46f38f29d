import { describeCloudRoutes } from '@trellis/cloudprovider/contract/testing/cloud-network-conformance'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Moto, startMoto } from '../testing/moto.ts'
import { createNetworkWorld } from '../testing/network-world.ts'

let moto: Moto

beforeAll(async () => {
  moto = await startMoto()
}, 600_000)

afterAll(() => moto[Symbol.asyncDispose]())

describeCloudRoutes('AWS in front of moto', () => createNetworkWorld(moto))

describe('routes at AWS', () => {
  const destination = '100.96.1.0/24'

  it('are in the tables of every zone, and in no other', async () => {
    await using world = await createNetworkWorld(moto)
    const node = await world.addNode()
    const before = await world.routesOf(world.publicTable)
    await world.network.ensureRoute({ destination, node })
    const wanted = `${destination} ${await world.serverOf(node)}`
    for (const table of world.zoneTables) expect(await world.routesOf(table)).toContain(wanted)
    expect(await world.routesOf(world.publicTable)).toEqual(before)
    expect(await world.foreign.listRoutes()).toEqual([])
  })

  it('are partial where a table lacks them, and whole once they are made again', async () => {
    await using world = await createNetworkWorld(moto)
    const node = await world.addNode()
    await world.network.ensureRoute({ destination, node })
    const route = { RouteTableId: world.zoneTables[1], DestinationCidrBlock: destination }
    await moto.ask('ec2', 'DeleteRoute', route)
    const whole = { id: destination, destination, node }
    expect(await world.network.listRoutes()).toEqual([{ ...whole, partial: true }])
    await world.network.ensureRoute({ destination, node })
    expect(await world.network.listRoutes()).toEqual([whole])
  })

  it('that lead to a server that is gone are nobody’s, and give way', async () => {
    await using world = await createNetworkWorld(moto)
    const [gone, node] = [await world.addNode(), await world.addNode()]
    await world.network.ensureRoute({ destination, node: gone })
    await world.removeNode(gone)
    expect(await world.network.listRoutes()).toEqual([{ id: destination, destination }])
    await world.network.ensureRoute({ destination, node })
    expect(await world.network.listRoutes()).toEqual([{ id: destination, destination, node }])
    expect(world.front.calls).toContain('ReplaceRoute')
  })

  it('lead to the first interface of a server that has several', async () => {
    await using world = await createNetworkWorld(moto)
    const node = await world.addNode('node', 2)
    await world.network.ensureRoute({ destination, node })
    expect((await world.routesOf(world.zoneTables[0])).join()).toContain(`${destination} eni-`)
    expect(await world.network.listRoutes()).toEqual([{ id: destination, destination, node }])
  })

  it('of many nodes that come together share their questions', async () => {
    await using world = await createNetworkWorld(moto)
    const nodes = [await world.addNode(), await world.addNode(), await world.addNode()]
    const requests = nodes.map((node, index) => ({ destination: `100.96.${index}.0/24`, node }))
    await Promise.all(requests.map((request) => world.network.ensureRoute(request)))
    const count = (name: string) => world.front.calls.filter((call) => call === name).length
    expect([count('DescribeInstances'), count('DescribeRouteTables'), count('CreateRoute')]).toEqual([1, 1, 6])
  })

  it('cannot be where no table has the tag of the cluster', async () => {
    await using world = await createNetworkWorld(moto)
    const node = await world.addNode()
    const tables = [...world.zoneTables, world.publicTable]
    const ids = tables.map((id, index) => [`ResourceId.${index + 1}`, id] as const)
    const tag = { 'Tag.1.Key': 'kubernetes.io/cluster/shoot--aws--one' }
    await moto.ask('ec2', 'DeleteTags', { ...Object.fromEntries(ids), ...tag })
    await expect(world.network.ensureRoute({ destination, node })).rejects.toMatchObject({
      kind: 'NotFound',
      remedy: expect.stringContaining('kubernetes.io/cluster/shoot--aws--one'),
    })
  })

  it('say what EC2 refused, and whether it may pass', async () => {
    await using world = await createNetworkWorld(moto)
    const node = await world.addNode()
    world.front.fail('CreateRoute', { refuse: 'RouteLimitExceeded' })
    await expect(world.network.ensureRoute({ destination, node })).rejects.toMatchObject({ kind: 'Exhausted' })
    world.front.fail('CreateRoute', 'lose the answer')
    await expect(world.network.ensureRoute({ destination, node })).rejects.toMatchObject({ kind: 'Timeout' })
    await world.network.ensureRoute({ destination, node })
    expect(await world.network.listRoutes()).toEqual([{ id: destination, destination, node }])
  })
})
