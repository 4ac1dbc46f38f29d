import { findCondition } from '@trellis/api/conditions'
import { events } from '@trellis/api/core/event'
import { type Node, nodes } from '@trellis/api/core/node'
import { machineClasses } from '@trellis/api/machine/machine-class'
import { type MachineDeployment, machineDeployments } from '@trellis/api/machine/machine-deployment'
import { machineSets } from '@trellis/api/machine/machine-set'
import { Failure } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient, type FakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { deployment, setFor } from '../../testing/deployments.ts'
import { epoch } from '../../testing/objects.ts'
import { classFor, createRig, deploymentOf, plant, type Rig, type RigOptions } from '../../testing/rig.ts'
import { throughGoTypes } from '../../testing/typed-client.ts'

const namespace = 'shoot--local--first'
const key = { namespace, name: 'pool' }
const cloud = { createMilliseconds: 1000, deleteMilliseconds: 500 }

async function setUp(replicas: number, options: Partial<RigOptions> = {}) {
  const clock = createVirtualClock(epoch)
  const random = createSeededRandom('trouble')
  const client = createFakeClient({ clock, random: random.child('server') })
  const rig = createRig({ clock, random, control: client, namespace, cloud, joinMilliseconds: 2000, ...options })
  await plant(client, namespace, deploymentOf(namespace, 'pool', replicas))
  await client.create(machineClasses, classFor(namespace, 'large', 'large'))
  return { clock, random, client, rig }
}

const toLarge = { spec: { template: { spec: { class: { name: 'large' } } } } }

async function progressing(rig: Rig) {
  return findCondition((await rig.deployment('pool')).status?.conditions, 'Progressing')
}

async function told(client: FakeClient): Promise<readonly string[]> {
  return (await client.list(events, { namespace })).items.map(({ reason }) => reason ?? '')
}

function isMarked({ spec, metadata }: Node): boolean {
  const avoided = (spec?.taints ?? []).some(({ key: taint }) => taint.endsWith('/prefer-no-schedule'))
  return avoided || Object.keys(metadata.annotations ?? {}).some((name) => name.includes('scale-down-disabled'))
}

describe('a deployment in trouble', () => {
  it('says why its set cannot be made, and makes it as soon as it can', async () => {
    const { clock, client, rig } = await setUp(1)
    const stop = client.onCall(({ method, target }) => {
      if (method === 'create' && target === 'machinesets')
        throw new Failure('Invalid', 'the quota of objects is used up')
    })
    rig.start()
    await clock.advance(5000)
    expect(await progressing(rig)).toMatchObject({ status: 'False', reason: 'MachineSetCreateError' })
    expect((await progressing(rig))?.message).toContain('the quota of objects is used up')
    expect(await told(client)).toContain('MachineSetCreateError')
    stop()
    await clock.advance(60_000)
    expect(await progressing(rig)).toMatchObject({ status: 'True', reason: 'NewMachineSetAvailable' })
    await rig[Symbol.asyncDispose]()
  })

  it('takes another name when that of its set is taken by somebody else', async () => {
    const { clock, client, rig } = await setUp(1)
    const { metadata } = setFor(deployment(1), 0)
    const foreign = {
      ...setFor(deployment(1), 0),
      metadata: { name: metadata.name, namespace, labels: { name: 'other' } },
    }
    await client.create(machineSets, foreign)
    rig.start()
    await clock.advance(60_000)
    expect((await rig.deployment('pool')).status).toMatchObject({ collisionCount: 1, availableReplicas: 1 })
    expect((await rig.sets()).map((set) => set.metadata.name)).toContain(metadata.name)
    expect(await rig.sets()).toHaveLength(2)
    await rig[Symbol.asyncDispose]()
  })

  it('tells that it would select every machine', async () => {
    const { clock, client, rig } = await setUp(1)
    await client.patch(
      machineDeployments,
      key,
      { spec: { selector: { matchLabels: { name: null } } } },
      { type: 'merge' },
    )
    rig.start()
    await clock.advance(5000)
    expect(await told(client)).toContain('SelectingAll')
    expect(await rig.sets()).toEqual([])
    await rig[Symbol.asyncDispose]()
  })
})

describe('the nodes of a rollout', () => {
  it('are not waited for when the target does not take their marks', async () => {
    const { clock, client, rig } = await setUp(3)
    rig.start()
    await clock.advance(20_000)
    const stop = client.onCall(({ method, target, body }) => {
      if (method === 'patch' && target === 'nodes' && JSON.stringify(body).includes('scale-down-disabled'))
        throw new Failure('Unavailable', 'the target is down')
    })
    await client.patch(machineDeployments, key, toLarge, { type: 'merge' })
    await clock.advance(60_000)
    expect(rig.cloud.servers().map(({ machineType }) => machineType)).toEqual(['large', 'large', 'large'])
    const tries = client.calls.filter(({ body }) => JSON.stringify(body ?? '').includes('scale-down-disabled'))
    expect(tries.length).toBeGreaterThan(0)
    expect(tries.length).toBeLessThanOrEqual(10)
    stop()
    await rig[Symbol.asyncDispose]()
  })

  it('lose marks that another process left behind', async () => {
    const { clock, client, rig } = await setUp(2)
    rig.start()
    await clock.advance(20_000)
    await rig.stop()
    const taints = [
      { key: 'deployment.machine.sapcloud.io/prefer-no-schedule', value: 'True', effect: 'PreferNoSchedule' },
    ]
    for (const { metadata } of await rig.nodes()) {
      const annotations = Object.fromEntries(
        ['scale-down-disabled', 'scale-down-disabled-by-mcm'].map((name) => [
          `cluster-autoscaler.kubernetes.io/${name}`,
          'true',
        ]),
      )
      await client.patch(nodes, metadata, { metadata: { annotations }, spec: { taints } }, { type: 'merge' })
    }
    expect((await rig.nodes()).filter(isMarked)).toHaveLength(2)
    rig.start()
    await clock.advance(5000)
    expect((await rig.nodes()).filter(isMarked)).toEqual([])
    await rig[Symbol.asyncDispose]()
  })

  it('carry no word to the autoscaler when the flag says so', async () => {
    const { clock, client, rig } = await setUp(2, { keepNodesDuringRollout: false })
    rig.start()
    await clock.advance(20_000)
    await client.patch(machineDeployments, key, toLarge, { type: 'merge' })
    await clock.advance(60_000)
    const bodies = client.calls.map(({ body }) => JSON.stringify(body ?? ''))
    expect(bodies.filter((body) => body.includes('scale-down-disabled'))).toEqual([])
    expect(bodies.filter((body) => body.includes('PreferNoSchedule'))).toHaveLength(2)
    await rig[Symbol.asyncDispose]()
  })

  it('cost few requests', async () => {
    const strategy = { type: 'RollingUpdate' as const, rollingUpdate: { maxSurge: '10%', maxUnavailable: 0 } }
    const { clock, client, rig } = await setUp(40)
    await client.patch(machineDeployments, key, { spec: { strategy } }, { type: 'merge' })
    rig.start()
    await clock.advance(30_000)
    const before = client.calls.length
    await client.patch(machineDeployments, key, toLarge, { type: 'merge' })
    await clock.advance(90_000)
    expect(rig.cloud.servers().every(({ machineType }) => machineType === 'large')).toBe(true)
    const calls = client.calls.slice(before)
    const tainting = calls.filter(({ body }) => JSON.stringify(body ?? '').includes('"PreferNoSchedule"'))
    expect(tainting).toHaveLength(40)
    expect(calls.length / 40).toBeLessThanOrEqual(25)
    expect((await rig.nodes()).filter(isMarked)).toEqual([])
    await rig[Symbol.asyncDispose]()
  })
})

describe('a deployment written by a typed client', () => {
  it('is the same with its nulls and without its zeroes, and costs no write', async () => {
    const { clock, client, rig } = await setUp(2)
    rig.start()
    await clock.advance(20_000)
    const write = async (change: Partial<NonNullable<MachineDeployment['spec']>> = {}) => {
      const present = await rig.deployment('pool')
      const spec = { ...(present.spec ?? { template: {} }), ...change }
      await client.replace(machineDeployments, throughGoTypes({ ...present, spec }))
    }
    const before = client.calls.length
    await write()
    await clock.advance(60_000)
    const written = client.calls.slice(before).filter(({ method }) => method === 'patch' || method === 'create')
    expect(written).toEqual([])
    expect(await rig.sets()).toHaveLength(1)
    const { template = {} } = (await rig.deployment('pool')).spec ?? {}
    const reference = { kind: 'MachineClass', name: 'large' }
    await write({ template: { ...template, spec: { ...template.spec, class: reference, drainTimeout: '9m' } } })
    await clock.advance(60_000)
    expect(rig.cloud.servers().map(({ machineType }) => machineType)).toEqual(['large', 'large'])
    await write({ template: { ...template, spec: { ...template.spec, class: reference, drainTimeout: '8m' } } })
    await clock.advance(5000)
    expect((await rig.machines()).map(({ spec }) => spec?.drainTimeout)).toEqual(['8m', '8m'])
    await write({ replicas: 0 })
    await clock.advance(20_000)
    expect(await rig.machines()).toEqual([])
    await rig[Symbol.asyncDispose]()
  })
})
