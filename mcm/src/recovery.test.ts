import { pods } from '@trellis/api/core/pod'
import { type Machine, machines } from '@trellis/api/machine/machine'
import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import { machineSets } from '@trellis/api/machine/machine-set'
import { Failure } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import type { Client } from '@trellis/kubernetes/client'
import { createFakeClient, type FakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { epoch } from '../testing/objects.ts'
import { podOn } from '../testing/pod-player.ts'
import { createRig, deploymentOf, plant, type RigOptions } from '../testing/rig.ts'

const namespace = 'ns'
const minute = 60_000
const tags = { 'kubernetes.io/cluster/test': '1', 'kubernetes.io/role/node': '1' }

async function setUp(
  replicas: number,
  wrap: (client: FakeClient) => Client = (client) => client,
  options: Partial<RigOptions> = {},
) {
  const clock = createVirtualClock(epoch)
  const random = createSeededRandom('recovery')
  const client = createFakeClient({ clock, random: random.child('server') })
  const cloud = { createMilliseconds: 1000, deleteMilliseconds: 500 }
  const control = wrap(client)
  const rig = createRig({
    clock,
    random,
    control,
    target: client,
    namespace,
    cloud,
    joinMilliseconds: 1000,
    ...options,
  })
  await plant(client, namespace, deploymentOf(namespace, 'pool', replicas))
  return { clock, client, rig }
}

const wish = (machineName: string) => ({
  machineName,
  machineType: 'small',
  region: 'region',
  zone: 'zone',
  tags,
  userData: '',
})

describe('after a fault', () => {
  it('makes no second machine when the answer to the first was lost', async () => {
    let losses = 2
    const { clock, client, rig } = await setUp(3, (fake) => ({
      ...fake,
      create: async (resource, object) => {
        const made = await fake.create(resource, object)
        if (resource.plural === machines.plural && losses-- > 0) throw new Failure('Unavailable', 'no answer')
        return made
      },
      // The watch is slower than the next try.
      watch: async function* (resource, watch) {
        for await (const event of fake.watch(resource, watch)) {
          if (resource.plural === machines.plural) await clock.sleep(500)
          yield event
        }
      },
    }))
    rig.start()
    await clock.advance(20_000)
    const made = client.calls.filter(({ method, target }) => method === 'create' && target === machines.plural)
    expect(new Set(made.map(({ key }) => key?.name)).size).toBe(3)
    expect(await rig.machines()).toHaveLength(3)
    await rig[Symbol.asyncDispose]()
  })

  it('lets a set vanish although its finalizer could not be taken off at first', async () => {
    const { clock, client, rig } = await setUp(1)
    rig.start()
    await clock.advance(10_000)
    let refusals = 1
    client.onCall(({ method, target, body }) => {
      const { metadata } = (body ?? {}) as Partial<Machine>
      if (method === 'patch' && target === machineSets.plural && metadata?.finalizers?.length === 0 && refusals-- > 0)
        throw new Failure('Unavailable', 'refused')
    })
    await client.delete(machineDeployments, { namespace, name: 'pool' })
    await clock.advance(10_000)
    expect(refusals).toBe(-1)
    expect(await rig.sets()).toEqual([])
    expect(await client.find(machineDeployments, { namespace, name: 'pool' })).toBeUndefined()
    await rig[Symbol.asyncDispose]()
  })

  it('collects servers without a machine also for a class that no machine refers to', async () => {
    const { clock, rig } = await setUp(0, undefined, { orphanPeriodMilliseconds: minute })
    rig.start()
    await Promise.all([rig.cloud.create(wish('stray'), tags), clock.advance(5000)])
    expect(rig.cloud.servers()).toHaveLength(1)
    await clock.advance(3 * minute)
    expect(rig.cloud.servers()).toEqual([])
    await rig[Symbol.asyncDispose]()
  })

  it('drains the node of a machine that never learnt of its server', async () => {
    const { clock, client, rig } = await setUp(0)
    const lost: Machine = {
      apiVersion: 'machine.sapcloud.io/v1alpha1',
      kind: 'Machine',
      metadata: { name: 'lost', namespace, finalizers: ['machine.sapcloud.io/machine-controller-manager'] },
      spec: { class: { kind: 'MachineClass', name: 'small' } },
    }
    await client.create(machines, lost)
    await Promise.all([rig.cloud.create(wish('lost'), tags), clock.advance(5000)])
    expect((await rig.nodes()).map(({ metadata }) => metadata.name)).toEqual(['lost'])
    await client.create(pods, podOn('default', 'web', 'lost'))
    await client.delete(machines, { namespace, name: 'lost' })
    rig.start()
    await clock.advance(10_000)
    expect(client.calls.filter(({ target }) => target.endsWith('/pods/web/eviction'))).toHaveLength(1)
    expect([await rig.machines(), await rig.nodes(), rig.cloud.servers()]).toEqual([[], [], []])
    await rig[Symbol.asyncDispose]()
  })
})
