import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { createCloudDouble } from '../../testing/cloud-double.ts'
import type { InfrastructureRequest, InfrastructureState } from './engine.ts'
import { createLocalInfrastructure } from './local.ts'

function setUp() {
  const clock = createVirtualClock(0)
  const cloud = createCloudDouble()
  const saved: InfrastructureState[] = []
  const request = (change: Partial<InfrastructureRequest> = {}): InfrastructureRequest => ({
    technicalId: 'shoot--a--b',
    region: 'local',
    zones: [],
    networks: { nodes: '10.250.0.0/16', pods: '100.96.0.0/16', services: '100.64.0.0/16' },
    configuration: undefined,
    secret: {},
    state: saved.at(-1) ?? {},
    save: async (state) => void saved.push(state),
    signal: new AbortController().signal,
    note: () => {},
    ...change,
  })
  return { clock, cloud, saved, request, engine: createLocalInfrastructure({ clock, cloud: cloud.client }) }
}

describe('the engine of the embedded cloud', () => {
  it('makes the network once, and saves what it is', async () => {
    const { engine, request, saved, cloud } = setUp()
    expect(await engine.plan(request())).toEqual([{ action: 'create', what: 'network' }])
    const outputs = await engine.apply(request())
    expect(outputs).toEqual({ network: 'shoot--a--b', egressAddress: '198.18.9.9' })
    expect(await engine.apply(request({ state: {} }))).toEqual(outputs)
    expect(await engine.plan(request())).toEqual([])
    expect(cloud.networks.size).toBe(1)
    expect(saved.at(-1)).toEqual({ network: [...cloud.networks.keys()][0] })
  })

  it('cannot change the range of a network, and says so', async () => {
    const { engine, request } = setUp()
    await engine.apply(request())
    const other = request({ networks: { nodes: '10.9.0.0/16', pods: '100.96.0.0/16', services: '100.64.0.0/16' } })
    expect(await engine.plan(other)).toMatchObject([{ action: 'replace', field: 'spec.networking.nodes' }])
    await expect(engine.apply(other)).rejects.toMatchObject({ kind: 'Conflict' })
  })

  it('takes down all that is in the network, and nothing of another', async () => {
    const { engine, request, cloud, clock, saved } = setUp()
    await engine.apply(request())
    await engine.apply(request({ technicalId: 'shoot--a--c' }))
    cloud.addServer('shoot--a--b', 'one')
    cloud.addServer('shoot--a--c', 'two')
    cloud.addLoadBalancer('shoot--a--b', 'lb')
    const gone = engine.destroy(request())
    for (let step = 0; step < 10; step++) await clock.advance(200)
    await gone
    expect([...cloud.networks.values()].map(({ name }) => name)).toEqual(['shoot--a--c'])
    expect([...cloud.servers.values()].map(({ name }) => name)).toEqual(['two'])
    expect(saved.at(-1)).toEqual({})
    await engine.destroy(request())
  })
})
