import { findCondition } from '@trellis/api/conditions'
import { machines } from '@trellis/api/machine/machine'
import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import { type MachineSet, machineSets } from '@trellis/api/machine/machine-set'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { epoch, ownedBy } from '../../testing/objects.ts'
import { createRig, deploymentOf, plant, scale } from '../../testing/rig.ts'
import { machineOf } from '../machine-set/template.ts'

const namespace = 'ns'
const unfreeze = 'safety.machine.sapcloud.io/unfreeze'

async function setUp(replicas: number) {
  const clock = createVirtualClock(epoch)
  const random = createSeededRandom('freeze')
  const client = createFakeClient({ clock, random: random.child('server') })
  // Servers take long to go, so that surplus machines stay for a while.
  const cloud = { createMilliseconds: 1000, deleteMilliseconds: 30_000 }
  const rig = createRig({ clock, random, control: client, namespace, cloud, joinMilliseconds: 1000 })
  await plant(client, namespace, deploymentOf(namespace, 'pool', replicas))
  rig.start()
  await clock.advance(10_000)
  const onlySet = async () => (await rig.sets())[0] as MachineSet
  const overshoot = async (count: number) => {
    const set = await onlySet()
    for (let made = 0; made < count; made++) {
      const { metadata, ...machine } = ownedBy(set, machineOf(set, `extra${made}`))
      await client.create(machines, {
        ...machine,
        metadata: { ...metadata, labels: { ...set.spec?.template?.metadata?.labels } },
      })
    }
  }
  const marks = async () => {
    const set = await onlySet()
    const deployment = await rig.deployment('pool')
    return {
      set: [set.metadata.labels?.freeze, findCondition(set.status?.machineSetCondition, 'Frozen')?.reason],
      deployment: [deployment.metadata.labels?.freeze, findCondition(deployment.status?.conditions, 'Frozen')?.reason],
    }
  }
  return { clock, client, rig, onlySet, overshoot, marks }
}

const marked = {
  set: ['True', 'OverShootingReplicaCount'],
  deployment: ['True', 'MachineDeploymentStateSync'],
}
const free = { set: [undefined, undefined], deployment: [undefined, undefined] }

describe('overshooting', () => {
  it('freezes set and deployment at once, blocks creation, and lets go when the surplus is gone', async () => {
    const { clock, client, rig, overshoot, marks } = await setUp(3)
    await overshoot(3)
    await clock.advance(500)
    expect(await marks()).toEqual(marked)
    const frozen = (await rig.machines()).length
    await scale(client, namespace, 'pool', 3)
    const [victim] = (await rig.machines()).filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    await client.delete(machines, { namespace, name: victim?.metadata.name ?? '' })
    await clock.advance(5000)
    expect((await rig.machines()).length).toBeLessThanOrEqual(frozen)
    await clock.advance(120_000)
    expect(await marks()).toEqual(free)
    expect(await rig.machines()).toHaveLength(3)
    const events = client.calls.filter(({ target, method }) => target === 'events' && method === 'create')
    const reasons = new Set(events.map(({ body }) => (body as { reason?: string }).reason))
    expect([...reasons]).toEqual(expect.arrayContaining(['FrozeMachineSet', 'UnfrozeMachineSet']))
    await rig[Symbol.asyncDispose]()
  })

  it('does not freeze a pool that is scaled down to nothing', async () => {
    const { clock, client, rig, marks } = await setUp(20)
    await scale(client, namespace, 'pool', 0)
    await clock.advance(5000)
    expect(await marks()).toEqual(free)
    await rig[Symbol.asyncDispose]()
  })

  it('hands the request to go on from the deployment to its sets, and holds it until there are more', async () => {
    const { clock, client, rig, overshoot, marks } = await setUp(3)
    await overshoot(3)
    await clock.advance(500)
    expect(await marks()).toEqual(marked)
    const annotations = { [unfreeze]: 'True' }
    await client.patch(
      machineDeployments,
      { namespace, name: 'pool' },
      { metadata: { annotations } },
      { type: 'merge' },
    )
    await clock.advance(2000)
    expect(await marks()).toEqual(free)
    const left = [...(await rig.sets()), await rig.deployment('pool')].map(({ metadata }) => metadata.annotations ?? {})
    expect(left.some((one) => unfreeze in one)).toBe(false)
    await rig[Symbol.asyncDispose]()
  })

  it.each([
    { reason: 'a label without condition', patch: { metadata: { labels: { freeze: 'True' } } }, sub: {} },
    {
      reason: 'a condition without label',
      patch: { status: { machineSetCondition: [{ type: 'Frozen', status: 'True' }] } },
      sub: { subresource: 'status' },
    },
  ])('repairs $reason', async ({ patch, sub }) => {
    const { clock, client, rig, onlySet, marks } = await setUp(2)
    const name = (await onlySet()).metadata.name
    await client.patch(machineSets, { namespace, name }, patch, { type: 'merge', ...sub })
    await clock.advance(2000)
    expect(await marks()).toEqual(free)
    await rig[Symbol.asyncDispose]()
  })

  it('repairs the marks of a deployment whose sets are free', async () => {
    const { clock, client, rig, marks } = await setUp(2)
    const patch = { metadata: { labels: { freeze: 'True' } } }
    await client.patch(machineDeployments, { namespace, name: 'pool' }, patch, { type: 'merge' })
    await clock.advance(2000)
    expect(await marks()).toEqual(free)
    await rig[Symbol.asyncDispose]()
  })
})
