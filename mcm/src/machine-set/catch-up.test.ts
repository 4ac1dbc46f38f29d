import { machines } from '@trellis/api/machine/machine'
import { machineSets } from '@trellis/api/machine/machine-set'
import { describe, expect, it } from 'vitest'
import { createLateSet, type LateSet, lateMilliseconds, namespace, ownMachine } from '../../testing/late-set.ts'
import { askAgainMilliseconds, createCatchUp } from './catch-up.ts'

async function setUp() {
  const world = await createLateSet()
  return { ...world, catchUp: createCatchUp(world.context) }
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
      change: ({ client, machine }: LateSet) =>
        client.patch(
          machines,
          { namespace, name: machine.metadata.name },
          { metadata: { annotations: { 'machinepriority.machine.sapcloud.io': '1' } } },
          { type: 'merge' },
        ),
    },
    {
      reason: 'a machine that is not shown yet',
      change: ({ client, set }: LateSet) => client.create(machines, ownMachine(set(), 'b')),
    },
    {
      reason: 'a machine that came to another set, after something else happened to it',
      least: lateMilliseconds + 1000,
      change: async ({ client, machine, clock }: LateSet) => {
        const key = { namespace, name: machine.metadata.name }
        await client.patch(machines, key, { metadata: { labels: { seen: 'yes' } } }, { type: 'merge' })
        await clock.advance(1000)
        await client.patch(machines, key, { metadata: { ownerReferences: null } }, { type: 'merge' })
      },
    },
    {
      reason: 'a machine that is gone',
      change: ({ client, machine }: LateSet) => client.delete(machines, { namespace, name: machine.metadata.name }),
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
