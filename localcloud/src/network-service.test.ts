import { describe, expect, it } from 'vitest'
import { startCloudDouble } from '../testing/cloud-double.ts'
import { makeNetwork, makeServer } from '../testing/cloud-objects.ts'

describe('a network', () => {
  it('is there once, however often it is asked for', async () => {
    await using double = await startCloudDouble()
    const { networks } = double.cloud.services
    const [first, second] = await Promise.all([
      networks.create({ name: 'alpha', cidr: '10.250.0.0/16', tags: { a: 'b' } }),
      networks.create({ name: 'alpha', cidr: '10.250.0.0/16' }),
    ])
    expect(first.made).toBe(true)
    expect(second).toEqual({ made: false, value: first.value })
    expect(first.value).toMatchObject({ gateway: '10.250.0.1', publicAddress: '198.18.0.16', tags: { a: 'b' } })
    expect(double.host.describe()).toContain('bridge br0 up 10.250.0.1/16')
  })

  it('may have the range of another one, as in any cloud', async () => {
    await using double = await startCloudDouble()
    const alpha = await makeNetwork(double)
    const beta = await makeNetwork(double, { name: 'beta' })
    expect(beta.cidr).toBe(alpha.cidr)
    expect(beta.publicAddress).not.toBe(alpha.publicAddress)
  })

  it.each([
    { reason: 'another range for the same name', cidr: '10.251.0.0/16', kind: 'Conflict' },
    { reason: 'no range', cidr: 'all', kind: 'Invalid' },
    { reason: 'the public range', cidr: '198.18.0.0/17', kind: 'Invalid' },
  ])('is refused for $reason', async ({ cidr, kind }) => {
    await using double = await startCloudDouble()
    await makeNetwork(double)
    await expect(makeNetwork(double, { cidr })).rejects.toMatchObject({
      kind,
      field: 'cidr',
      remedy: expect.any(String),
    })
  })

  it('stays while something is in it, and leaves nothing behind', async () => {
    await using double = await startCloudDouble()
    const before = double.host.describe()
    const { networks, servers } = double.cloud.services
    const { id } = await makeNetwork(double)
    const server = (await makeServer(double)).value
    await double.cloud.idle()
    await networks.createRoute(id, { destination: '100.96.0.0/24', nextHopServer: server.id })
    await expect(networks.remove(id)).rejects.toMatchObject({
      kind: 'Conflict',
      message: expect.stringContaining('one'),
    })
    await servers.remove(server.id)
    await double.cloud.idle()
    await networks.remove(id)
    expect(double.host.describe()).toBe(before)
    expect(double.store.list('route')).toEqual([])
    await expect(networks.remove(id)).rejects.toMatchObject({ kind: 'NotFound' })
  })
})

describe('routes', () => {
  it.each([
    { destination: '10.250.1.0/24', reason: 'the network itself' },
    { destination: '198.18.0.0/24', reason: 'the public range' },
    { destination: '0.0.0.0/0', reason: 'everything' },
    { destination: '100.96.0.1/24', reason: 'host bits' },
  ])('do not lead to $destination: $reason', async ({ destination }) => {
    await using double = await startCloudDouble()
    const network = await makeNetwork(double)
    const nextHopServer = (await makeServer(double)).value.id
    const attempt = double.cloud.services.networks.createRoute(network.id, { destination, nextHopServer })
    await expect(attempt).rejects.toMatchObject({ kind: 'Invalid', field: 'destination' })
  })

  it('are made once, and not moved by a repeat', async () => {
    await using double = await startCloudDouble()
    const network = await makeNetwork(double)
    const one = (await makeServer(double)).value.id
    const two = (await makeServer(double, { name: 'two' })).value.id
    const { networks } = double.cloud.services
    const make = (nextHopServer: string) =>
      networks.createRoute(network.id, { destination: '100.96.0.0/24', nextHopServer })
    const first = await make(one)
    expect(await make(one)).toEqual({ made: false, value: first.value })
    await expect(make(two)).rejects.toMatchObject({ kind: 'Conflict', remedy: `delete route ${first.value.id} first` })
    await networks.removeRoute(network.id, first.value.id)
    await expect(networks.removeRoute(network.id, first.value.id)).rejects.toMatchObject({ kind: 'NotFound' })
    expect((await make(two)).made).toBe(true)
  })
})
