import { leases } from '@trellis/api/core/lease'
import { nodes } from '@trellis/api/core/node'
import { Failure } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { createSimulatedCloud } from './cloud.ts'
import { nodeLeaseNamespace } from './leases.ts'
import { type NodeMakerContext, startNodeMaker } from './nodes.ts'

type Liveliness = Partial<Pick<NodeMakerContext, 'joinMilliseconds' | 'leaseMilliseconds' | 'nodeLossMilliseconds'>>

function stage(liveliness: Liveliness) {
  const clock = createVirtualClock(Date.parse('2026-01-01T00:00:00Z'))
  const random = createSeededRandom('nodes')
  const client = createFakeClient({ clock, random: random.child('server') })
  const cloud = createSimulatedCloud({ clock, random: random.child('cloud') })
  const stop = new AbortController()
  const start = () =>
    startNodeMaker(
      { clock, random, log: createSilentLog(), cloud, client, joinMilliseconds: 0, ...liveliness },
      stop.signal,
    )
  const place = { machineType: 'small', region: 'region', zone: 'zone', tags: {}, userData: '' }
  return {
    clock,
    client,
    cloud,
    stop,
    start,
    create: (machineName: string) => cloud.create({ ...place, machineName }, {}),
    remove: async (machineName: string) => {
      for (const server of cloud.servers()) if (server.machineName === machineName) await cloud.remove(server)
    },
    leaseOf: (name: string) => client.find(leases, { namespace: nodeLeaseNamespace, name }),
    writesOfLeases: () => client.calls.filter(({ method, target }) => method !== 'find' && target === 'leases').length,
    ready: async (name: string) =>
      (await client.find(nodes, { name }))?.status?.conditions?.find(({ type }) => type === 'Ready'),
  }
}

describe('leases of simulated nodes', () => {
  it('are renewed while their server runs, and hang on their Node', async () => {
    const { clock, create, remove, start, leaseOf, client } = stage({ leaseMilliseconds: 10_000 })
    start()
    await create('a')
    await clock.advance(1)
    const node = await client.get(nodes, { name: 'a' })
    const first = await leaseOf('a')
    expect(first?.spec).toMatchObject({ holderIdentity: 'a', leaseDurationSeconds: 40 })
    expect(first?.metadata.ownerReferences).toEqual([
      { apiVersion: 'v1', kind: 'Node', name: 'a', uid: node.metadata.uid },
    ])
    for (let period = 0; period < 5; period++) {
      await clock.advance(10_000)
      const age = clock.now() - Date.parse((await leaseOf('a'))?.spec?.renewTime ?? '')
      expect(age).toBeLessThanOrEqual(10_000)
    }
    await remove('a')
    const last = (await leaseOf('a'))?.spec?.renewTime
    await clock.advance(60_000)
    expect((await leaseOf('a'))?.spec?.renewTime).toBe(last)
  })

  it('cost one write a period, and nothing where nobody asked for them', async () => {
    const renewing = stage({ leaseMilliseconds: 10_000 })
    renewing.start()
    for (const name of ['a', 'b', 'c']) await renewing.create(name)
    await renewing.clock.advance(20_000)
    const before = renewing.writesOfLeases()
    await renewing.clock.advance(100_000)
    expect(renewing.writesOfLeases() - before).toBe(30)
    const silent = stage({})
    silent.start()
    await silent.create('a')
    await silent.clock.advance(100_000)
    expect(silent.writesOfLeases()).toBe(0)
  })

  it('are not renewed all at one instant', async () => {
    const { clock, create, start, leaseOf } = stage({ leaseMilliseconds: 10_000 })
    start()
    const names = Array.from({ length: 20 }, (_, index) => `m-${index}`)
    for (const name of names) await create(name)
    await clock.advance(60_000)
    const instants = await Promise.all(names.map(async (name) => (await leaseOf(name))?.spec?.renewTime))
    expect(new Set(instants).size).toBeGreaterThan(15)
  })

  it('go on after an API server that did not answer, and after somebody deleted one', async () => {
    const { clock, client, create, start, leaseOf } = stage({ leaseMilliseconds: 10_000 })
    start()
    await create('a')
    await clock.advance(1)
    const restore = client.onCall(() => {
      throw new Failure('Unavailable', 'no answer')
    })
    await clock.advance(100_000)
    restore()
    await client.delete(leases, { namespace: nodeLeaseNamespace, name: 'a' })
    await clock.advance(20_000)
    expect(clock.now() - Date.parse((await leaseOf('a'))?.spec?.renewTime ?? '')).toBeLessThanOrEqual(10_000)
  })
})

describe('simulated nodes whose server is gone', () => {
  it('are NotReady after their time, and stay Ready where nobody asked for it', async () => {
    for (const nodeLossMilliseconds of [40_000, undefined]) {
      const { clock, create, remove, start, ready } = stage({ nodeLossMilliseconds })
      start()
      await create('a')
      await create('b')
      await clock.advance(1)
      await remove('a')
      await clock.advance(39_000)
      expect((await ready('a'))?.status).toBe('True')
      await clock.advance(2000)
      const expected = nodeLossMilliseconds === undefined ? 'True' : 'Unknown'
      expect((await ready('a'))?.status).toBe(expected)
      expect((await ready('b'))?.status).toBe('True')
    }
  })

  it('stay Ready when their machine has another server by then', async () => {
    const { clock, create, remove, start, ready } = stage({ nodeLossMilliseconds: 40_000 })
    start()
    await create('a')
    await clock.advance(1)
    await remove('a')
    await clock.advance(20_000)
    await create('a')
    await clock.advance(60_000)
    expect((await ready('a'))?.status).toBe('True')
  })

  it('are told of once the API server answers', async () => {
    const { clock, client, create, remove, start, ready } = stage({ nodeLossMilliseconds: 40_000 })
    start()
    await create('a')
    await clock.advance(1)
    await remove('a')
    const restore = client.onCall(() => {
      throw new Failure('Unavailable', 'no answer')
    })
    await clock.advance(100_000)
    restore()
    await clock.advance(6000)
    expect((await ready('a'))?.status).toBe('Unknown')
  })

  it('are found among those that an earlier process left, and others are left alone', async () => {
    const { clock, client, start, ready } = stage({ nodeLossMilliseconds: 40_000 })
    const conditions = [{ type: 'Ready', status: 'True' as const }]
    for (const [name, providerID] of [
      ['left', 'simulated:///region/sim-gone'],
      ['foreign', 'kind://foreign'],
    ]) {
      const metadata = { name: name ?? '' }
      await client.create(nodes, {
        apiVersion: 'v1',
        kind: 'Node',
        metadata,
        spec: { providerID: providerID ?? '' },
        status: { conditions },
      })
    }
    start()
    await clock.advance(41_000)
    expect((await ready('left'))?.status).toBe('Unknown')
    expect((await ready('foreign'))?.status).toBe('True')
  })
})
