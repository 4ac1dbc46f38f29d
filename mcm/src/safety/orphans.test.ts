import { secrets } from '@trellis/api/core/configuration'
import type { Machine, MachinePhase } from '@trellis/api/machine/machine'
import { machines } from '@trellis/api/machine/machine'
import { machineClasses } from '@trellis/api/machine/machine-class'
import type { Leftover } from '@trellis/cloudprovider/contract/driver'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { at, epoch, launched, machineIn } from '../../testing/objects.ts'
import { classFor, createRig, deploymentOf, plant } from '../../testing/rig.ts'
import { uselessLeftovers } from './leftovers.ts'

const minute = 60_000
const grace = 20 * minute

function leftoverOf(machineName: string, createdAt?: number): Leftover {
  return {
    id: `nic-${machineName}`,
    kind: 'network-interface',
    machineName,
    ...(createdAt === undefined ? {} : { createdAt }),
  }
}

describe('uselessLeftovers', () => {
  const now = epoch + 60 * minute
  const old = epoch
  const young = now - minute
  it.each([
    { reason: 'its machine is gone', machine: undefined, createdAt: old, useless: true },
    { reason: 'its machine runs with its own', machine: launched('Running'), createdAt: old, useless: true },
    { reason: 'it is young', machine: undefined, createdAt: young, useless: false },
    { reason: 'nobody knows its age, and it was seen just now', machine: undefined, seen: young, useless: false },
    { reason: 'nobody knows its age, and it was seen long ago', machine: undefined, seen: old, useless: true },
    { reason: 'its machine is being made', machine: machineIn(''), createdAt: old, useless: false },
    { reason: 'its machine is tried again', machine: machineIn('CrashLoopBackOff'), createdAt: old, useless: false },
    { reason: 'its machine joins', machine: launched('Pending'), createdAt: old, useless: false },
    {
      reason: 'its machine is going',
      machine: launched('Running', { metadata: { deletionTimestamp: at(0) } }),
      createdAt: old,
      useless: false,
    },
  ])('$reason: $useless', ({ machine, createdAt, seen, useless }) => {
    const leftover = leftoverOf('machine-a', createdAt)
    const observed = {
      leftovers: [leftover],
      machines: new Map<string, Machine>(machine === undefined ? [] : [['machine-a', machine]]),
      firstSeen: new Map(seen === undefined ? [] : [[leftover.id, seen]]),
      graceMilliseconds: grace,
    }
    expect(uselessLeftovers(observed, now)).toEqual(useless ? [leftover] : [])
  })
  it('never takes what is young or of a machine that is being made', () => {
    const phases: MachinePhase[] = ['', 'Pending', 'CrashLoopBackOff', 'Running', 'Unknown', 'Failed', 'Terminating']
    const name = fc.constantFrom('a', 'b', 'c', 'd')
    const one = fc.record({ name, age: fc.nat(60), told: fc.boolean() })
    const machine = fc.record({ name, phase: fc.constantFrom(...phases), made: fc.boolean() })
    const property = fc.property(fc.array(one), fc.array(machine), (things, owners) => {
      const leftovers = things.map(({ name, age, told }) => leftoverOf(name, told ? now - age * minute : undefined))
      const byName = new Map<string, Machine>(
        owners.map(({ name, phase, made }) => [name, (made ? launched : machineIn)(phase, { metadata: { name } })]),
      )
      const observed = { leftovers, machines: byName, firstSeen: new Map<string, number>(), graceMilliseconds: grace }
      for (const { machineName, createdAt } of uselessLeftovers(observed, now)) {
        expect(now - (createdAt ?? now)).toBeGreaterThanOrEqual(grace)
        const owner = byName.get(machineName)
        if (owner !== undefined) expect(owner.spec?.providerID).toBeDefined()
        expect(['', 'Pending', 'CrashLoopBackOff', 'Terminating']).not.toContain(
          owner?.status?.currentStatus?.phase ?? 'none',
        )
      }
    })
    fc.assert(property)
  })
})

async function setUp(replicas: number) {
  const clock = createVirtualClock(epoch)
  const random = createSeededRandom('orphans')
  const client = createFakeClient({ clock, random: random.child('server') })
  const cloud = { createMilliseconds: 1000, deleteMilliseconds: 500 }
  const rig = createRig({ clock, random, control: client, namespace: 'ns', cloud, joinMilliseconds: 2000 })
  await plant(client, 'ns', deploymentOf('ns', 'pool', replicas))
  rig.start()
  await clock.advance(10_000)
  const tagsOf = (cluster: string) => ({ [`kubernetes.io/cluster/${cluster}`]: '1', 'kubernetes.io/role/node': '1' })
  const left = () => rig.cloud.leftovers.all().map(({ machineName }) => machineName)
  return { clock, client, rig, tagsOf, left }
}

describe('the search for orphans', () => {
  it('deletes what is left of machines that are gone, and nothing of others', async () => {
    const { clock, rig, tagsOf, left } = await setUp(1)
    rig.cloud.leftovers.leave({ kind: 'disk', machineName: 'gone', tags: tagsOf('test') })
    rig.cloud.leftovers.leave({ kind: 'disk', machineName: 'foreign', tags: tagsOf('another') })
    await clock.advance(15 * minute)
    expect(left()).toEqual(['gone', 'foreign'])
    await clock.advance(16 * minute)
    expect(left()).toEqual(['foreign'])
    expect(rig.cloud.servers()).toHaveLength(1)
    await rig[Symbol.asyncDispose]()
  })

  it('follows a deletion within a minute or so', async () => {
    const { clock, client, rig, tagsOf, left } = await setUp(2)
    rig.cloud.leftovers.leave({ kind: 'port', machineName: 'old', tags: tagsOf('test') })
    await clock.advance(21 * minute)
    expect(left()).toEqual(['old'])
    const [machine] = await rig.machines()
    await client.delete(machines, { namespace: 'ns', name: machine?.metadata.name ?? '' })
    await clock.advance(90_000)
    expect(left()).toEqual([])
    await rig[Symbol.asyncDispose]()
  })

  it('goes on when one thing cannot be deleted', async () => {
    const { clock, rig, tagsOf, left } = await setUp(0)
    for (const machineName of ['a', 'b']) rig.cloud.leftovers.leave({ kind: 'port', machineName, tags: tagsOf('test') })
    rig.cloud.script({ operation: 'delete', kind: 'Unavailable' })
    await clock.advance(31 * minute)
    expect(left()).toHaveLength(1)
    await clock.advance(15 * minute)
    expect(left()).toEqual([])
    await rig[Symbol.asyncDispose]()
  })
})

describe('a machine whose class or secret is gone', () => {
  it('is deleted with what was known last', async () => {
    const { clock, client, rig } = await setUp(1)
    const key = { namespace: 'ns', name: 'class-secret' }
    await client.patch(secrets, key, { metadata: { finalizers: [] } }, { type: 'merge' })
    await client.delete(secrets, key)
    const [machine] = await rig.machines()
    await client.delete(machines, { namespace: 'ns', name: machine?.metadata.name ?? '' })
    await clock.advance(10_000)
    expect((await rig.machines()).some(({ metadata }) => metadata.name === machine?.metadata.name)).toBe(false)
    expect(rig.cloud.servers()).toEqual([])
    await rig[Symbol.asyncDispose]()
  })

  it('says after a restart exactly what must come back, and goes on when it does', async () => {
    const { clock, client, rig } = await setUp(1)
    await rig.stop()
    const key = { namespace: 'ns', name: 'small' }
    await client.patch(machineClasses, key, { metadata: { finalizers: [] } }, { type: 'merge' })
    await client.delete(machineClasses, key)
    const [machine] = await rig.machines()
    await client.delete(machines, { namespace: 'ns', name: machine?.metadata.name ?? '' })
    rig.start()
    await clock.advance(10_000)
    const stuck = (await rig.machines()).find(({ metadata }) => metadata.name === machine?.metadata.name)
    expect(stuck?.status?.lastOperation).toMatchObject({
      errorCode: 'FailedPrecondition',
      description: expect.stringContaining('MachineClass small does not exist'),
    })
    await client.create(machineClasses, classFor('ns'))
    await clock.advance(10_000)
    expect((await rig.machines()).some(({ metadata }) => metadata.name === machine?.metadata.name)).toBe(false)
    await rig[Symbol.asyncDispose]()
  })
})
