import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '@trellis/foundation/failure'
import { describe, expect, it } from 'vitest'
import { startCloudDouble } from '../testing/cloud-double.ts'
import { makeNetwork, makeServer } from '../testing/cloud-objects.ts'

const all = { tags: [] }
describe('a server', () => {
  it('goes from creating to running, with addresses of its own', async () => {
    await using double = await startCloudDouble()
    await makeNetwork(double)
    const { made, value } = await makeServer(double)
    expect(made).toBe(true)
    expect(value).toMatchObject({ state: 'creating', privateAddress: '10.250.0.2', publicAddress: '198.18.0.17' })
    expect(value).not.toHaveProperty('userData')
    await double.cloud.idle()
    expect(double.cloud.services.servers.get(value.id)).toMatchObject({ state: 'running' })
    expect(double.host.describe()).toContain('veth eth0 up 10.250.0.2/16')
  })

  it('has the address and the metadata service that it was asked for', async () => {
    await using double = await startCloudDouble()
    await makeNetwork(double)
    const metadataService = { url: 'http://198.18.0.2:8775', datasource: 'Ec2' as const }
    const wishes = { privateAddress: '10.250.7.9', metadataService }
    const { value } = await makeServer(double, wishes)
    expect(value).toMatchObject(wishes)
    expect((await makeServer(double, wishes)).made).toBe(false)
    expect((await makeServer(double, { name: 'two' })).value.privateAddress).toBe('10.250.7.10')
  })

  it('is made once, however often and however quickly it is asked for', async () => {
    await using double = await startCloudDouble()
    await makeNetwork(double)
    const made = await Promise.all([makeServer(double), makeServer(double), makeServer(double)])
    expect(new Set(made.map(({ value }) => value.id)).size).toBe(1)
    expect(made.filter((each) => each.made)).toHaveLength(1)
    await double.cloud.idle()
    expect(double.machines.started).toEqual(['one'])
  })

  it('may be found by tag, name and network', async () => {
    await using double = await startCloudDouble()
    await makeNetwork(double)
    await makeNetwork(double, { name: 'beta' })
    await makeServer(double, { tags: { cluster: 'x', pool: 'a' } })
    await makeServer(double, { name: 'two', network: 'beta', tags: { cluster: 'x' } })
    const { servers } = double.cloud.services
    const names = (selection: object) => servers.list({ ...all, ...selection }).map(({ name }) => name)
    expect(names({})).toEqual(['one', 'two'])
    expect(names({ tags: ['cluster=x', 'pool=a'] })).toEqual(['one'])
    expect(names({ name: 'two' })).toEqual(['two'])
    expect(names({ network: 'beta' })).toEqual(['two'])
    expect(names({ network: 'nowhere' })).toEqual([])
    expect(() => names({ tags: ['cluster'] })).toThrow(expect.objectContaining({ kind: 'Invalid', field: 'tag' }))
  })

  it.each([
    { fields: { flavor: 'huge' }, kind: 'Invalid', field: 'flavor', remedy: 'choose one of small, medium, large' },
    { fields: { image: 'none' }, kind: 'Invalid', field: 'image', remedy: 'choose one of machine' },
    { fields: { network: 'none' }, kind: 'Invalid', field: 'network', remedy: 'create the network first' },
    {
      fields: { privateAddress: '10.250.0.1' },
      kind: 'Invalid',
      field: 'privateAddress',
      remedy: 'use one from 10.250.0.2',
    },
    { fields: { privateAddress: '10.251.0.9' }, kind: 'Invalid', field: 'privateAddress', remedy: 'to 10.250.255.254' },
    { fields: { privateAddress: 'ten' }, kind: 'Invalid', field: 'privateAddress', remedy: 'use one from' },
    { fields: { privateAddress: '10.250.0.2' }, kind: 'Conflict', field: 'privateAddress', remedy: 'choose another' },
    {
      fields: { metadataService: { url: 'http://127.0.0.1:80', datasource: 'Ec2' } },
      kind: 'Invalid',
      field: 'metadataService.url',
      remedy: 'use an address of 198.18.0.0/16',
    },
    { fields: { userData: 'ä'.repeat(8193) }, kind: 'Invalid', field: 'userData', remedy: 'let the user-data fetch' },
    { fields: { name: 'taken', flavor: 'large' }, kind: 'Conflict', field: 'flavor', remedy: 'choose another name' },
    { fields: { flavor: 'medium' }, kind: 'Exhausted', field: 'flavor', remedy: '--quota-cores' },
  ])('is refused for $fields.flavor $field: $kind', async ({ fields, kind, field, remedy }) => {
    await using double = await startCloudDouble({ cores: 2 })
    await makeNetwork(double)
    await makeServer(double, { name: 'taken' })
    await expect(makeServer(double, fields)).rejects.toMatchObject({
      kind,
      field,
      remedy: expect.stringContaining(remedy),
    })
    expect(double.store.list('server')).toHaveLength(1)
  })

  it('may have user-data up to the limit', async () => {
    await using double = await startCloudDouble()
    await makeNetwork(double)
    expect((await makeServer(double, { userData: 'x'.repeat(16_384) })).made).toBe(true)
  })

  it('cannot slip past the quota by being asked for at the same time', async () => {
    await using double = await startCloudDouble({ servers: 2 })
    await makeNetwork(double)
    const names = ['one', 'two', 'three', 'four']
    const results = await Promise.allSettled(names.map((name) => makeServer(double, { name })))
    const statuses = results.map(({ status }) => status)
    expect(statuses.sort()).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected'])
    expect(double.cloud.services.servers.quota().servers).toEqual({ limit: 2, used: 2 })
  })

  it('says why it could not be made, and may be deleted then', async () => {
    await using double = await startCloudDouble()
    await makeNetwork(double)
    double.machines.failStart = new Failure('Invalid', 'a layer is gone', { remedy: 'make the image anew' })
    const { id } = (await makeServer(double)).value
    await double.cloud.idle()
    const { servers } = double.cloud.services
    expect(servers.get(id)).toMatchObject({
      state: 'failed',
      failure: { kind: 'Invalid', message: expect.stringContaining('a layer is gone'), remedy: 'make the image anew' },
    })
    await servers.remove(id)
    await double.cloud.idle()
    expect(servers.list(all)).toEqual([])
  })

  it('is tried again when the fault may pass', async () => {
    await using double = await startCloudDouble()
    await makeNetwork(double)
    double.machines.failStart = new Failure('Unavailable', 'try later')
    const { id } = (await makeServer(double)).value
    await expect.poll(() => double.clock.pending().length).toBeGreaterThan(0)
    double.machines.failStart = undefined
    await double.clock.advance(2_000)
    await double.cloud.idle()
    expect(double.cloud.services.servers.get(id).state).toBe('running')
  })

  it.each([
    { reason: 'before its machine is started', reachStart: false },
    { reason: 'while its machine is being started', reachStart: true },
  ])('that is deleted $reason goes away', async ({ reachStart }) => {
    await using double = await startCloudDouble()
    await makeNetwork(double)
    const before = double.host.describe()
    const gate = Promise.withResolvers<void>()
    double.machines.gate = gate.promise
    const { id } = (await makeServer(double)).value
    if (reachStart) await expect.poll(() => double.machines.attempts).toBe(1)
    const removed = await double.cloud.services.servers.remove(id)
    const repeated = await makeServer(double).catch((error: unknown) => error)
    gate.resolve()
    await double.cloud.idle()
    expect(removed.state).toBe('deleting')
    if (reachStart) expect(repeated).toMatchObject({ kind: 'Conflict', field: 'name' })
    expect(() => double.cloud.services.servers.get(id)).toThrow(expect.objectContaining({ kind: 'NotFound' }))
    expect(double.machines.running()).not.toContain(id)
    if (reachStart) expect(double.host.describe()).toBe(before)
  })

  it('whose deletion failed is deleted at the next look', async () => {
    await using double = await startCloudDouble()
    await makeNetwork(double)
    const { id } = (await makeServer(double)).value
    await double.cloud.idle()
    double.machines.failDestroy = new Failure('Unavailable', 'still busy')
    await double.cloud.services.servers.remove(id)
    await double.cloud.idle()
    expect(double.cloud.services.servers.get(id)).toMatchObject({ state: 'deleting', failure: { kind: 'Unavailable' } })
    double.machines.failDestroy = undefined
    await double.cloud.inspect()
    await double.cloud.idle()
    expect(double.cloud.services.servers.list(all)).toEqual([])
  })

  it('that has ended by itself is stopped', async () => {
    await using double = await startCloudDouble()
    await makeNetwork(double)
    const { id } = (await makeServer(double)).value
    await double.cloud.idle()
    double.machines.die(id)
    await double.cloud.inspect()
    expect(double.cloud.services.servers.get(id).state).toBe('stopped')
  })

  it('takes its routes and its places in load balancers with it', async () => {
    await using double = await startCloudDouble()
    const network = await makeNetwork(double)
    const server = (await makeServer(double)).value
    const { networks, loadBalancers, servers } = double.cloud.services
    const route = { destination: '100.96.0.0/24', nextHopServer: server.id }
    await networks.createRoute(network.id, route)
    const listeners = [{ name: 'a', protocol: 'TCP' as const, port: 1, targetPort: 2 }]
    await loadBalancers.set('door', { network: 'alpha', listeners, targets: [server.id] })
    await servers.remove(server.id)
    await double.cloud.idle()
    expect(networks.listRoutes(network.id)).toEqual([])
    expect(loadBalancers.get('door').targets).toEqual([])
    expect(double.host.ruleset(`test-${network.id}`)).not.toContain('dnat to 10.250.0.2')
    await expect(networks.createRoute(network.id, route)).rejects.toMatchObject({ field: 'nextHopServer' })
  })
})

describe('after a kill', () => {
  it('the cloud goes on with creations and deletions, and lets running machines run', async () => {
    await using double = await startCloudDouble()
    await makeNetwork(double)
    const running = (await makeServer(double)).value.id
    const doomed = (await makeServer(double, { name: 'doomed' })).value.id
    await double.cloud.idle()
    const half = (await makeServer(double, { name: 'half' })).value.id
    await double.cloud.idle()
    await double.store.put('server', { ...double.store.get('server', half), state: 'creating' })
    await double.store.put('server', { ...double.store.get('server', doomed), state: 'deleting' })
    const again = await double.restart()
    await again.cloud.idle()
    const states = again.cloud.services.servers.list(all).map(({ id, state }) => [id, state])
    expect(Object.fromEntries(states)).toEqual({ [running]: 'running', [half]: 'running' })
    expect(double.machines.started, 'nothing is started twice').toEqual(['one', 'doomed', 'half'])
    expect([...double.machines.running()].sort()).toEqual([running, half].sort())
  })

  it('machines that did not survive are stopped, not started again', async () => {
    await using double = await startCloudDouble()
    await makeNetwork(double)
    const { id } = (await makeServer(double)).value
    await double.cloud.idle()
    double.machines.die(id)
    const again = await double.restart()
    await again.cloud.idle()
    expect(again.cloud.services.servers.get(id).state).toBe('stopped')
    expect(double.machines.started).toEqual(['one'])
  })

  it('an unreadable server keeps its address and may be deleted', async () => {
    await using double = await startCloudDouble()
    await makeNetwork(double)
    const { id } = (await makeServer(double)).value
    await double.cloud.idle()
    await writeFile(join(double.directory, 'localcloud/records/server', `${id}.json`), 'rubbish')
    const again = await double.restart()
    expect(again.cloud.services.version().problems).toHaveLength(1)
    const next = (await makeServer(again)).value
    expect(next.privateAddress, 'the machine behind the file may still use its address').not.toBe('10.250.0.2')
    expect(() => again.cloud.services.servers.get(id)).toThrow(expect.objectContaining({ kind: 'Unavailable' }))
    await again.cloud.services.servers.remove(id)
    await again.cloud.idle()
    expect(again.cloud.services.version().problems).toEqual([])
    expect(double.machines.running()).toEqual([next.id])
  })
})
