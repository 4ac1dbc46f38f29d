import { machines } from '@trellis/api/machine/machine'
import { machineSets } from '@trellis/api/machine/machine-set'
import { describe, expect, it } from 'vitest'
import { createLateSet, type LateSet, lateMilliseconds, namespace, ownMachine } from '../../testing/late-set.ts'
import { askAgainMilliseconds } from '../machine-set/catch-up.ts'
import { createSetsElsewhere } from './sets-elsewhere.ts'

/** The set's process says that it has counted itself for its present spec. */
async function count({ client, clock, set }: LateSet): Promise<void> {
  const { generation = 0 } = set().metadata
  await client.replaceStatus(machineSets, { ...set(), status: { observedGeneration: generation } })
  await clock.advance(100)
}

describe('sets of another process', () => {
  it('may bring any number of machines until they have counted themselves and were looked at', async () => {
    await using world = await createLateSet()
    const elsewhere = createSetsElsewhere(world.context)
    expect(await elsewhere.look([world.set()])).toBeUndefined()
    expect(world.asked()).toBe(0)
    expect(elsewhere.coming(world.set())).toBeGreaterThan(1000)
    await count(world)
    expect(elsewhere.coming(world.set())).toBeGreaterThan(1000)
    expect(await elsewhere.look([world.set()])).toBeUndefined()
    expect(elsewhere.coming(world.set())).toBe(0)
    const before = world.asked()
    await elsewhere.look([world.set()])
    expect(world.asked()).toBe(before)
  })

  it('do so again after each change of their spec, until what they made is shown', async () => {
    await using world = await createLateSet()
    const elsewhere = createSetsElsewhere(world.context)
    await count(world)
    await elsewhere.look([world.set()])
    await world.resize(2)
    await world.client.create(machines, ownMachine(world.set(), 'b'))
    await world.clock.advance(100)
    expect(elsewhere.coming(world.set())).toBeGreaterThan(1000)
    await count(world)
    expect(await elsewhere.look([world.set()])).toBe(askAgainMilliseconds)
    expect(elsewhere.coming(world.set())).toBeGreaterThan(1000)
    await world.clock.advance(lateMilliseconds)
    expect(elsewhere.coming(world.set())).toBe(0)
  })

  it('bring none once they go', async () => {
    await using world = await createLateSet()
    const elsewhere = createSetsElsewhere(world.context)
    const set = world.set()
    const leaving = { ...set, metadata: { ...set.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }
    expect(await elsewhere.look([leaving])).toBeUndefined()
    expect(elsewhere.coming(leaving)).toBe(0)
    expect(world.context.machines.list(namespace)).toHaveLength(1)
  })
})
