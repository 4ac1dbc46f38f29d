import { nodes } from '@trellis/api/core/node'
import { type Machine, machines } from '@trellis/api/machine/machine'
import { machineClasses } from '@trellis/api/machine/machine-class'
import { Failure } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { epoch } from '../testing/objects.ts'
import { createRig, deploymentOf, plant, type RigOptions, scale } from '../testing/rig.ts'
import { phaseOf } from './machine/phase.ts'

const namespace = 'shoot--local--first'
const cloud = { createMilliseconds: 1000, deleteMilliseconds: 500 }
const minute = 60_000
const finalizer = 'node.machine.sapcloud.io/machine-controller'
const notManaged = 'node.machine.sapcloud.io/not-managed-by-mcm'

async function setUp(replicas: number, options: Partial<RigOptions> = {}) {
  const clock = createVirtualClock(epoch)
  const random = createSeededRandom('nodes')
  const client = createFakeClient({ clock, random: random.child('server') })
  const rig = createRig({ clock, random, control: client, namespace, cloud, joinMilliseconds: 2000, ...options })
  await plant(client, namespace, deploymentOf(namespace, 'pool', replicas))
  rig.start()
  return { clock, client, rig }
}

const names = (found: readonly Machine[]) => found.map(({ metadata }) => metadata.name)

describe('nodes in virtual time', () => {
  it('deletes the machine of a node that somebody deletes, and drains it first', async () => {
    const { clock, client, rig } = await setUp(2)
    await clock.advance(10_000)
    const [victim = '', survivor = ''] = names(await rig.machines())
    await client.delete(nodes, { name: victim })
    expect((await client.get(nodes, { name: victim })).metadata.finalizers).toEqual([finalizer])
    await clock.advance(10_000)
    const left = await rig.machines()
    expect(left.map(phaseOf)).toEqual(['Running', 'Running'])
    expect(names(left)).toContain(survivor)
    expect(names(left)).not.toContain(victim)
    expect(await client.find(nodes, { name: victim })).toBeUndefined()
    expect(rig.cloud.servers()).toHaveLength(2)
    await rig[Symbol.asyncDispose]()
  })

  it('replaces the machines of nodes that vanished one after the other', async () => {
    const { clock, client, rig } = await setUp(3, { cloud: { ...cloud, deleteMilliseconds: 5000 } })
    await clock.advance(10_000)
    const before = names(await rig.machines())
    for (const name of before) {
      await client.patch(nodes, { name }, { metadata: { finalizers: [] } })
      await client.delete(nodes, { name })
    }
    let most = 0
    for (let second = 0; second < 120; second++) {
      await clock.advance(1000)
      const found = await rig.machines()
      most = Math.max(most, found.filter((machine) => machine.metadata.deletionTimestamp !== undefined).length)
    }
    expect(most).toBe(1)
    const after = await rig.machines()
    expect(after.map(phaseOf)).toEqual(['Running', 'Running', 'Running'])
    expect(names(after).filter((name) => before.includes(name))).toEqual([])
    await rig[Symbol.asyncDispose]()
  })

  it('deletes no machine while the API server of the nodes does not answer', async () => {
    const clock = createVirtualClock(epoch)
    const random = createSeededRandom('outage')
    const target = createFakeClient({ clock, random: random.child('target') })
    const { client, rig } = await (async () => {
      const control = createFakeClient({ clock, random: random.child('control') })
      const made = createRig({ clock, random, control, target, namespace, cloud, joinMilliseconds: 2000 })
      await plant(control, namespace, deploymentOf(namespace, 'pool', 2))
      made.start()
      return { client: control, rig: made }
    })()
    await clock.advance(10_000)
    const before = names(await rig.machines())
    for (const name of before) {
      await target.patch(nodes, { name }, { metadata: { finalizers: [] } })
    }
    await clock.advance(1000)
    const stop = target.onCall(({ method }) => {
      if (method === 'find') throw new Failure('Unavailable', 'the API server is down')
    })
    for (const name of before) await target.delete(nodes, { name })
    await clock.advance(30 * minute)
    expect(names(await rig.machines())).toEqual(before)
    stop()
    await clock.advance(5 * minute)
    expect((await rig.machines()).map(phaseOf)).toEqual(['Running', 'Running'])
    expect(client.calls.some(({ method, target: kind }) => method === 'delete' && kind === 'machines')).toBe(true)
    await rig[Symbol.asyncDispose]()
  })

  it('gives nodes the virtual capacity of their class, follows it, and takes it away again', async () => {
    const { clock, client, rig } = await setUp(1)
    await clock.advance(10_000)
    const [name = ''] = names(await rig.machines())
    const key = { namespace, name: 'small' }
    const capacity = { cpu: '4', gpu: '0', memory: '8Gi' }
    const nodeTemplate = { capacity, instanceType: 'm', region: 'r', zone: 'z' }
    const see = async () => (await client.get(nodes, { name })).status?.capacity?.['hc.io/memory']
    await client.patch(machineClasses, key, {
      nodeTemplate: { ...nodeTemplate, virtualCapacity: { 'hc.io/memory': '2Gi' } },
    })
    await clock.advance(1000)
    expect(await see()).toBe('2Gi')
    await client.patch(machineClasses, key, { nodeTemplate: { virtualCapacity: { 'hc.io/memory': '3Gi' } } })
    await clock.advance(1000)
    expect(await see()).toBe('3Gi')
    await client.patch(machineClasses, key, { nodeTemplate: { virtualCapacity: null } })
    await clock.advance(1000)
    expect(await see()).toBeUndefined()
    expect((await client.get(nodes, { name })).status?.capacity).toMatchObject({ cpu: '4' })
    const before = client.calls.length
    await clock.advance(minute)
    expect(client.calls.slice(before).filter(({ method }) => method !== 'watch')).toEqual([])
    await rig[Symbol.asyncDispose]()
  })

  it('makes no machine of a class whose node template is incomplete, says so, and still deletes those it has', async () => {
    const { clock, client, rig } = await setUp(1)
    await clock.advance(10_000)
    const nodeTemplate = { capacity: { cpu: '4', memory: '8Gi' }, instanceType: 'm', region: 'r', zone: 'z' }
    await client.patch(machineClasses, { namespace, name: 'small' }, { nodeTemplate })
    await scale(client, namespace, 'pool', 2)
    await clock.advance(10_000)
    const stuck = (await rig.machines()).find((machine) => phaseOf(machine) === 'CrashLoopBackOff')
    const problem =
      'MachineClass small is invalid: nodeTemplate.capacity lacks gpu: name cpu, gpu and memory, with 0 for none'
    expect(stuck?.status?.lastOperation).toMatchObject({ errorCode: 'InvalidArgument', description: problem })
    expect((await rig.deployment('pool')).status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'ReplicaFailure', message: `${problem}; no machine can be made` }),
    )
    await scale(client, namespace, 'pool', 0)
    await clock.advance(10_000)
    expect(await rig.machines()).toEqual([])
    expect(rig.cloud.servers()).toEqual([])
    await rig[Symbol.asyncDispose]()
  })

  it('marks nodes without a machine, lets go of them, and takes the mark off when a machine appears', async () => {
    const { clock, client, rig } = await setUp(1)
    await clock.advance(10_000)
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'lonely', finalizers: [finalizer] } }
    await client.create(nodes, node)
    await clock.advance(19 * minute)
    expect((await client.get(nodes, { name: 'lonely' })).metadata).not.toHaveProperty('annotations')
    await clock.advance(2 * minute)
    const { metadata } = await client.get(nodes, { name: 'lonely' })
    expect(metadata.annotations).toEqual({ [notManaged]: '1' })
    expect(metadata.finalizers).toEqual([])
    const [machine] = await rig.machines()
    const name = machine?.metadata.name ?? ''
    expect((await client.get(nodes, { name })).metadata.annotations).not.toHaveProperty([notManaged])
    await client.patch(machines, { namespace, name }, { metadata: { labels: { node: 'lonely' } } })
    await clock.advance(1000)
    expect((await client.get(nodes, { name: 'lonely' })).metadata.annotations).not.toHaveProperty([notManaged])
    await rig[Symbol.asyncDispose]()
  })

  it('gives back a server whose node name an older node bears', async () => {
    const { clock, client, rig } = await setUp(0, {
      wrapDriver: (driver) => ({
        ...driver,
        createMachine: async (request, options) => {
          const made = await driver.createMachine(request, options)
          return { ...made, nodeName: rig.cloud.calls().create === 1 ? 'ip-10-0-0-1' : request.machineName }
        },
      }),
    })
    await client.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'ip-10-0-0-1' } })
    await clock.advance(5000)
    await scale(client, namespace, 'pool', 1)
    await clock.advance(20_000)
    expect((await rig.machines()).map(phaseOf)).toEqual(['Running'])
    expect(rig.cloud.servers()).toHaveLength(1)
    expect(rig.cloud.calls().create).toBe(2)
    const said = client.calls.filter(
      ({ target, body }) => target === 'events' && JSON.stringify(body).includes('StaleNode'),
    )
    expect(said).toHaveLength(1)
    await rig[Symbol.asyncDispose]()
  })
})
