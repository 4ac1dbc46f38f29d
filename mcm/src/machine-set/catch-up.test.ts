import { type Machine, machines } from '@trellis/api/machine/machine'
import { type MachineSet, machineSets } from '@trellis/api/machine/machine-set'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createInformer } from '@trellis/kubernetes/informer'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { withLateWatch } from '../../testing/late-watch.ts'
import { epoch, ownedBy } from '../../testing/objects.ts'
import { createFreshReader } from '../common/freshness.ts'
import { askAgainMilliseconds, createCatchUp } from './catch-up.ts'
import { ownerIndex } from './controller.ts'

const namespace = 'shoot--local--first'
const lateMilliseconds = 3000

/** A set with one machine, both shown; from then on machines are shown late. */
async function setUp() {
  const clock = createVirtualClock(epoch)
  const random = createSeededRandom('catch-up')
  const client = createFakeClient({ clock, random: random.child('server') })
  const set = await client.create(machineSets, {
    apiVersion: 'machine.sapcloud.io/v1alpha1',
    kind: 'MachineSet',
    metadata: { name: 'set', namespace },
    spec: { replicas: 1 },
  })
  const machine = await client.create(machines, ownMachine(set, 'a'))
  const late = withLateWatch(client, clock, { plural: 'machines', milliseconds: lateMilliseconds })
  const parts = { client: late, clock, random, log: createSilentLog(), selection: { namespace } }
  const shownSets = createInformer({ ...parts, resource: machineSets })
  const shown = createInformer({ ...parts, resource: machines, indexes: ownerIndex })
  const stop = new AbortController()
  const running = [shownSets.run(stop.signal), shown.run(stop.signal)]
  await clock.advance(10_000)
  expect(shown.list(namespace)).toHaveLength(1)
  const setReader = createFreshReader(shownSets)
  const catchUp = createCatchUp({ clock, control: client, namespace, machines: shown, setReader })
  const key = { namespace, name: 'set' }
  return {
    clock,
    client,
    catchUp,
    set: () => setReader.get(key) as MachineSet,
    machine,
    resize: (replicas: number) => client.patch(machineSets, key, { spec: { replicas } }, { type: 'merge' }),
    asked: () => client.calls.filter(({ method }) => method === 'find' || method === 'list').length,
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await Promise.all(running)
    },
  }
}

function ownMachine(set: MachineSet, name: string): Machine {
  return ownedBy(set, { apiVersion: set.apiVersion, kind: 'Machine', metadata: { name, namespace } })
}

describe('createCatchUp', () => {
  it('asks for machines once for each change of the spec, and for the set each time', async () => {
    await using world = await setUp()
    const { catchUp, asked, clock } = world
    const ask = async () => {
      const before = asked()
      await catchUp.ask(world.set())
      expect(catchUp.isAbreast(world.set())).toBe(true)
      return asked() - before
    }
    expect(catchUp.isAbreast(world.set())).toBe(true)
    expect([await ask(), await ask(), await ask()]).toEqual([2, 1, 1])
    await world.resize(2)
    await clock.advance(100)
    expect([await ask(), await ask()]).toEqual([2, 1])
  })

  it.each([
    {
      reason: 'a mark that is not shown yet',
      change: ({ client, machine }: Awaited<ReturnType<typeof setUp>>) =>
        client.patch(
          machines,
          { namespace, name: machine.metadata.name },
          { metadata: { annotations: { 'machinepriority.machine.sapcloud.io': '1' } } },
          { type: 'merge' },
        ),
    },
    {
      reason: 'a machine that is not shown yet',
      change: ({ client, set }: Awaited<ReturnType<typeof setUp>>) => client.create(machines, ownMachine(set(), 'b')),
    },
    {
      reason: 'a machine that came to another set, after something else happened to it',
      least: lateMilliseconds + 1000,
      change: async ({ client, machine, clock }: Awaited<ReturnType<typeof setUp>>) => {
        const key = { namespace, name: machine.metadata.name }
        await client.patch(machines, key, { metadata: { labels: { seen: 'yes' } } }, { type: 'merge' })
        await clock.advance(1000)
        await client.patch(machines, key, { metadata: { ownerReferences: null } }, { type: 'merge' })
      },
    },
    {
      reason: 'a machine that is gone',
      change: ({ client, machine }: Awaited<ReturnType<typeof setUp>>) =>
        client.delete(machines, { namespace, name: machine.metadata.name }),
    },
  ])('waits for $reason', async ({ change, least = lateMilliseconds }) => {
    await using world = await setUp()
    const { catchUp, clock } = world
    const began = clock.now()
    await change(world)
    await catchUp.ask(world.set())
    while (!catchUp.isAbreast(world.set())) await clock.advance(100)
    expect(clock.now() - began).toBeGreaterThanOrEqual(least)
    expect(clock.now() - began).toBeLessThan(askAgainMilliseconds)
  })

  it('waits for the set itself, and without end for one that is gone', async () => {
    await using world = await setUp()
    const { catchUp, clock } = world
    const before = world.set()
    await world.resize(2)
    await catchUp.ask(before)
    expect(catchUp.isAbreast(before)).toBe(world.set() !== before)
    await clock.advance(100)
    expect(catchUp.isAbreast(world.set())).toBe(true)
    const last = world.set()
    await world.client.delete(machineSets, { namespace, name: 'set' })
    await catchUp.ask(last)
    expect(catchUp.isAbreast(last)).toBe(false)
  })

  it('asks anew for what came and went without ever having been shown', async () => {
    await using world = await setUp()
    const { catchUp, client, clock, asked } = world
    const made = await client.create(machines, ownMachine(world.set(), 'b'))
    await catchUp.ask(world.set())
    await client.delete(machines, { namespace, name: made.metadata.name })
    await clock.advance(lateMilliseconds + 500)
    expect(catchUp.isAbreast(world.set())).toBe(false)
    const before = asked()
    await catchUp.ask(world.set())
    expect(asked()).toBe(before)
    await clock.advance(askAgainMilliseconds)
    await catchUp.ask(world.set())
    expect(catchUp.isAbreast(world.set())).toBe(true)
  })
})
