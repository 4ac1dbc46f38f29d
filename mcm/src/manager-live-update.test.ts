import { type Machine, machines } from '@trellis/api/machine/machine'
import { machineClasses } from '@trellis/api/machine/machine-class'
import type { Driver } from '@trellis/cloudprovider/contract/driver'
import { Failure } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { epoch } from '../testing/objects.ts'
import { createRig, deploymentOf, plant, type Rig, type RigOptions } from '../testing/rig.ts'
import { phaseOf } from './machine/phase.ts'

const namespace = 'shoot--local--first'
const annotation = 'machine.sapcloud.io/applied-provider-fields'
const cloud = { createMilliseconds: 1000, deleteMilliseconds: 500, callMilliseconds: 200 }
const owned = { 'kubernetes.io/cluster/test': '1', 'kubernetes.io/role/node': '1' }

describe('an edited class, in virtual time', () => {
  it('reaches every server, by one call and one write each, a few at a time', async () => {
    let [busy, most] = [0, 0]
    const counted = (driver: Driver): Driver => ({
      ...driver,
      updateMachine: async (...asked) => {
        most = Math.max(most, ++busy)
        await driver.updateMachine?.(...asked).finally(() => busy--)
      },
    })
    await using world = await setUp(45, { wrapDriver: counted })
    const { rig } = world
    const before = await rig.machines()
    const written = await world.during(() => world.edit({ tags: { team: 'blue' } }), 20_000)
    expect(tagsOf(rig)).toEqual(Array.from({ length: 45 }, () => ({ ...owned, team: 'blue' })))
    expect(rig.cloud.calls().update).toBe(45)
    expect(written).toEqual(Array.from({ length: 45 }, () => 'patch'))
    expect(most).toBe(10)
    const after = await rig.machines()
    expect(after.map(({ spec }) => spec?.providerID)).toEqual(before.map(({ spec }) => spec?.providerID))
    expect(new Set(after.map(fieldsOf)).size).toBe(1)
    expect(await world.during(async () => {}, 600_000)).toEqual([])
    expect(rig.cloud.calls().update).toBe(45)
  })

  it.each([
    { reason: 'an immutable field', edit: { providerSpec: { machineType: 'large' } } },
    { reason: 'a label of the class', edit: { metadata: { labels: { seen: 'yes' } } } },
    { reason: 'the same tags once more', edit: { providerSpec: { tags: owned } } },
  ])('costs nothing when it is $reason that is edited', async ({ edit }) => {
    await using world = await setUp(3)
    const key = { namespace, name: 'small' }
    const written = await world.during(() => world.client.patch(machineClasses, key, edit, { type: 'merge' }), 30_000)
    expect(written).toEqual([])
    expect(world.rig.cloud.calls().update).toBeUndefined()
  })

  it('costs nothing where the driver can change nothing', async () => {
    const unable = ({ updateMachine: _method, mutableFields: _fields, ...driver }: Driver): Driver => driver
    await using world = await setUp(3, { wrapDriver: unable })
    expect(await world.during(() => world.edit({ tags: { team: 'blue' } }), 30_000)).toEqual([])
    expect((await world.rig.machines()).map(fieldsOf)).toEqual([undefined, undefined, undefined])
    expect(tagsOf(world.rig)).toEqual([owned, owned, owned])
  })

  it('takes back what an edit brought, when that is reverted', async () => {
    await using world = await setUp(2)
    const first = (await world.rig.machines()).map(fieldsOf)
    await world.during(() => world.edit({ tags: { team: 'blue' } }), 10_000)
    expect((await world.rig.machines()).map(fieldsOf)).not.toEqual(first)
    await world.during(() => world.edit({ tags: { team: null } }), 10_000)
    expect((await world.rig.machines()).map(fieldsOf)).toEqual(first)
    expect(tagsOf(world.rig)).toEqual([owned, owned])
    expect(world.rig.cloud.calls().update).toBe(4)
  })

  it.each([{ restart: false }, { restart: true }])(
    'takes back what a call brought whose answer was lost, restart: $restart',
    async ({ restart }) => {
      await using world = await setUp(1)
      world.rig.cloud.script({ operation: 'update', when: 'after', kind: 'Invalid', message: 'no answer' })
      await world.during(() => world.edit({ tags: { team: 'blue' } }), 2000)
      expect(tagsOf(world.rig)).toEqual([{ ...owned, team: 'blue' }])
      if (restart) await world.rig.stop()
      await world.edit({ tags: { team: null } })
      if (restart) world.rig.start()
      await world.clock.advance(10_000)
      expect(tagsOf(world.rig)).toEqual([owned])
      expect(world.rig.cloud.calls().update).toBe(2)
    },
  )

  it('takes no harm from a crash between the call and the write', async () => {
    await using world = await setUp(3)
    const { rig, client, clock } = world
    const before = new Set((await rig.machines()).map(fieldsOf))
    const heal = client.onCall(({ method, target, body }) => {
      const writes = method === 'patch' && target === 'machines' && JSON.stringify(body).includes(annotation)
      if (writes) throw new Failure('Unavailable', 'cut off by the test')
    })
    await world.edit({ tags: { team: 'blue' } })
    await clock.advance(400)
    await rig.stop()
    heal()
    expect(new Set((await rig.machines()).map(fieldsOf))).toEqual(before)
    const called = rig.cloud.calls().update ?? 0
    expect(called).toBeGreaterThanOrEqual(3)
    const written = await world.during(async () => rig.start(), 10_000)
    expect(written).toEqual(['patch', 'patch', 'patch'])
    expect(rig.cloud.calls().update).toBe(called + 3)
    expect(tagsOf(rig)).toEqual(Array.from({ length: 3 }, () => ({ ...owned, team: 'blue' })))
    expect((await rig.machines()).map(phaseOf)).toEqual(['Running', 'Running', 'Running'])
  })

  it('tells what fails once, tries again, and leaves the machine in peace', async () => {
    await using world = await setUp(1)
    const { rig, clock } = world
    rig.cloud.script({ operation: 'update', times: 3, kind: 'Unauthorized', message: 'tags are locked' })
    await world.edit({ tags: { team: 'blue' } })
    const calls: number[] = []
    for (let second = 0; second < 120; second++) {
      await clock.advance(1000)
      calls.push(rig.cloud.calls().update ?? 0)
      expect((await rig.machines()).map(phaseOf)).toEqual(['Running'])
    }
    expect(calls.at(-1)).toBe(4)
    expect(calls[4]).toBe(1)
    expect(tagsOf(rig)).toEqual([{ ...owned, team: 'blue' }])
    // Repeats of an event are written late.
    await clock.advance(900_000)
    const noted = world.client.calls.filter(({ target }) => target === 'events')
    expect(noted.map(({ method }) => method)).not.toContain('patch')
    const told = noted.filter(({ body }) => JSON.stringify(body).includes('ClassNotApplied'))
    expect(told).toHaveLength(1)
    expect(JSON.stringify(told)).toContain('tags are locked')
  })

  it('brings machines that were made before anybody wrote down what they have up to their class, once', async () => {
    await using world = await setUp(2)
    const { rig, client } = world
    await rig.stop()
    for (const { metadata } of await rig.machines()) {
      const nothing = { metadata: { annotations: { [annotation]: null } } }
      await client.patch(machines, { namespace, name: metadata.name }, nothing, { type: 'merge' })
    }
    expect(await world.during(async () => rig.start(), 60_000)).toEqual(['patch', 'patch'])
    expect(rig.cloud.calls().update).toBe(2)
    expect((await rig.machines()).every((machine) => fieldsOf(machine) !== undefined)).toBe(true)
  })

  it('reaches servers that were being made when the class was edited', async () => {
    await using world = await setUp(1, {}, 500)
    await world.edit({ tags: { team: 'blue' } })
    await world.clock.advance(20_000)
    expect(tagsOf(world.rig)).toEqual([{ ...owned, team: 'blue' }])
    expect(world.rig.cloud.calls().update).toBe(1)
  })
})

const fieldsOf = ({ metadata }: Machine) => metadata.annotations?.[annotation]
const tagsOf = (rig: Rig) => rig.cloud.servers().map(({ tags }) => tags)

/** Machines that have been at rest for a while, unless told; `during` answers with the writes to machines and their statuses. */
async function setUp(replicas: number, options: Partial<RigOptions> = {}, milliseconds = 60_000) {
  const clock = createVirtualClock(epoch)
  const random = createSeededRandom('live-update')
  const client = createFakeClient({ clock, random: random.child('server') })
  const rig = createRig({ clock, random, control: client, namespace, cloud, joinMilliseconds: 2000, ...options })
  await plant(client, namespace, deploymentOf(namespace, 'pool', replicas))
  rig.start()
  await clock.advance(milliseconds)
  // Long enough for what may be written late.
  if (milliseconds >= 60_000) await clock.advance(replicas * 30_000)
  return {
    clock,
    client,
    rig,
    edit: (providerSpec: object) =>
      client.patch(machineClasses, { namespace, name: 'small' }, { providerSpec }, { type: 'merge' }),
    during: async (work: () => Promise<unknown>, span: number) => {
      const before = client.calls.length
      await work()
      await clock.advance(span)
      return client.calls.slice(before).flatMap(({ method, target }) => {
        const writes = target === 'machines' && !['get', 'find', 'list', 'watch'].includes(method)
        return writes ? [method] : []
      })
    },
    [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
  }
}
