import { findCondition } from '@trellis/api/conditions'
import { events } from '@trellis/api/core/event'
import type { Machine } from '@trellis/api/machine/machine'
import { machineClasses } from '@trellis/api/machine/machine-class'
import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import type { SimulatedSettings } from '@trellis/cloudprovider/simulated/settings'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { epoch } from '../../testing/objects.ts'
import { classFor, createRig, deploymentOf, plant, scale } from '../../testing/rig.ts'
import { phaseOf } from './phase.ts'

const namespace = 'ns'
const minute = 60_000

async function setUp(replicas: number, quota: SimulatedSettings['quota'] = {}, fallbacks?: string) {
  const clock = createVirtualClock(epoch)
  const random = createSeededRandom('fallback')
  const client = createFakeClient({ clock, random: random.child('server') })
  const cloud = { createMilliseconds: 1000, deleteMilliseconds: 500, quota }
  const rig = createRig({ clock, random, control: client, namespace, cloud, joinMilliseconds: 2000 })
  const deployment = deploymentOf(namespace, 'pool', replicas)
  const annotations: Record<string, string> =
    fallbacks === undefined ? {} : { 'machine.sapcloud.io/fallback-classes': fallbacks }
  await client.create(machineClasses, classFor(namespace, 'large', 'large'))
  await plant(client, namespace, { ...deployment, metadata: { ...deployment.metadata, annotations } })
  rig.start()
  const types = () =>
    rig.cloud
      .servers()
      .map(({ machineType }) => machineType)
      .sort()
  return { clock, client, rig, types }
}

const waiting = (found: readonly Machine[]) => found.filter((machine) => phaseOf(machine) === 'CrashLoopBackOff')

describe('ordered fallback', () => {
  it('takes the next class when the first is exhausted, and says nothing of exhaustion to the autoscaler', async () => {
    const { clock, client, rig, types } = await setUp(4, { small: 2 }, 'missing, large')
    await clock.advance(20_000)
    expect(types()).toEqual(['large', 'large', 'small', 'small'])
    const found = await rig.machines()
    expect(found.map(phaseOf)).toEqual(['Running', 'Running', 'Running', 'Running'])
    expect(found.map(({ spec }) => spec?.class?.name).sort()).toEqual(['large', 'large', 'small', 'small'])
    const said = client.calls.filter(({ body }) => JSON.stringify(body ?? '').includes('ResourceExhausted'))
    expect(said).toEqual([])
    await rig[Symbol.asyncDispose]()
  })

  it('deletes a machine where it is, and prefers the first class again later', async () => {
    const { clock, client, rig, types } = await setUp(2, { small: 1 }, 'large')
    await clock.advance(20_000)
    expect(types()).toEqual(['large', 'small'])
    await scale(client, namespace, 'pool', 0)
    await clock.advance(10 * minute)
    expect(types()).toEqual([])
    await scale(client, namespace, 'pool', 1)
    await clock.advance(20_000)
    expect(types()).toEqual(['small'])
    await rig[Symbol.asyncDispose]()
  })

  it('protects the class in use, and lets it go with its last machine', async () => {
    const { clock, client, rig } = await setUp(1, { small: 0 }, 'large')
    const finalizers = async () => (await client.get(machineClasses, { namespace, name: 'large' })).metadata.finalizers
    await clock.advance(20_000)
    expect(await finalizers()).toHaveLength(1)
    await scale(client, namespace, 'pool', 0)
    await clock.advance(20_000)
    expect((await finalizers()) ?? []).toEqual([])
    await rig[Symbol.asyncDispose]()
  })

  it('is exhausted only when all are, which machine and deployment say with the instants', async () => {
    const { clock, rig, types } = await setUp(3, { small: 1, large: 1 }, 'large')
    await clock.advance(40_000)
    expect(types()).toEqual(['large', 'small'])
    const [parked] = waiting(await rig.machines())
    expect(parked?.status?.lastOperation).toMatchObject({
      type: 'Create',
      state: 'Failed',
      errorCode: 'ResourceExhausted',
      description: expect.stringMatching(/class small is avoided until 2026-.*class large is avoided until 2026-/),
    })
    expect(findCondition(parked?.status?.conditions, 'ClassAvoided')?.status).toBe('True')
    const { status } = await rig.deployment('pool')
    expect(findCondition(status?.conditions, 'ReplicaFailure')).toMatchObject({
      reason: 'ResourceExhausted',
      message: expect.stringContaining('is avoided until'),
    })
    await rig[Symbol.asyncDispose]()
  })
})

describe('a shortage', () => {
  it('does not make every machine ask the cloud again and again', async () => {
    const { clock, rig } = await setUp(60, { '*': 10 })
    await clock.advance(10_000)
    const before = rig.cloud.calls().create ?? 0
    await clock.advance(15 * minute)
    expect((rig.cloud.calls().create ?? 0) - before).toBeLessThanOrEqual(10)
    expect(waiting(await rig.machines())).toHaveLength(50)
    await rig[Symbol.asyncDispose]()
  })

  it('is told once about the deployment, however long it lasts and however many wait', async () => {
    const { clock, client, rig } = await setUp(6, { '*': 2 })
    await clock.advance(5 * minute)
    await scale(client, namespace, 'pool', 9)
    await clock.advance(10 * minute)
    const told = (await client.list(events, { namespace })).items.filter(
      ({ regarding, reason }) => regarding?.kind === 'MachineDeployment' && reason === 'ResourceExhausted',
    )
    expect(told.map(({ series }) => series?.count ?? 1)).toEqual([1])
    await rig[Symbol.asyncDispose]()
  })

  it('ends for one machine at once when a sibling goes, and clears what was said', async () => {
    const { clock, client, rig } = await setUp(2, { '*': 2 })
    const other = deploymentOf(namespace, 'other', 2)
    await clock.advance(10_000)
    await client.create(machineDeployments, other)
    await clock.advance(8 * minute)
    expect(waiting(await rig.machines())).toHaveLength(2)
    await scale(client, namespace, 'pool', 1)
    await clock.advance(8000)
    const found = await rig.machines()
    expect(found.filter((machine) => phaseOf(machine) === 'Running')).toHaveLength(2)
    const freed = found.find(
      ({ metadata, status }) => metadata.labels?.name === 'other' && status?.currentStatus?.phase === 'Running',
    )
    expect(findCondition(freed?.status?.conditions, 'ClassAvoided')).toBeUndefined()
    await scale(client, namespace, 'pool', 0)
    await clock.advance(8000)
    expect(findCondition((await rig.deployment('other')).status?.conditions, 'ReplicaFailure')).toBeUndefined()
    expect((await rig.machines()).map(phaseOf)).toEqual(['Running', 'Running'])
    await rig[Symbol.asyncDispose]()
  })
})
