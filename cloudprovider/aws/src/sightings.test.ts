import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { instanceOf } from '../testing/instances.ts'
import type { Instance } from './client-types.ts'
import { createSightings } from './sightings.ts'

function setUp() {
  const clock = createVirtualClock(0)
  const servers = new Map<string, Instance>()
  const looks: (readonly string[])[] = []
  const sightings = createSightings({ clock }, async (ids) => {
    looks.push(ids)
    return ids.flatMap((id) => servers.get(id) ?? [])
  })
  const add = (id: string, change: Partial<Instance> = {}) => servers.set(id, instanceOf({ id, ...change }))
  const ask = async (...ids: readonly string[]) => {
    const answers = Promise.all(ids.map((id) => sightings.byId(id)))
    await clock.advance(100)
    return (await answers).map((instance) => instance?.state)
  }
  return { clock, servers, looks, sightings, add, ask }
}

describe('looking at servers', () => {
  it('costs one call for all who ask at once', async () => {
    const { add, ask, looks } = setUp()
    for (const id of ['i-1', 'i-2']) add(id)
    expect(await ask('i-1', 'i-2', 'i-3')).toEqual(['running', 'running', undefined])
    expect(looks).toEqual([['i-1', 'i-2', 'i-3']])
  })

  it('costs nothing for one that lived ten seconds ago', async () => {
    const { add, ask, clock, looks } = setUp()
    add('i-1')
    await ask('i-1')
    await clock.advance(9000)
    expect(await ask('i-1')).toEqual(['running'])
    expect(looks).toHaveLength(1)
    await clock.advance(1000)
    await ask('i-1')
    expect(looks).toHaveLength(2)
  })

  it('never keeps bad news', async () => {
    const { add, ask, looks } = setUp()
    add('i-1', { state: 'terminated' })
    expect(await ask('i-1', 'i-2')).toEqual(['terminated', undefined])
    add('i-1')
    add('i-2')
    expect(await ask('i-1', 'i-2')).toEqual(['running', 'running'])
    expect(looks).toHaveLength(2)
  })

  it('looks again at those that are watched together with one that is due', async () => {
    const { add, ask, clock, looks } = setUp()
    for (const id of ['i-1', 'i-2']) add(id)
    await ask('i-1')
    await clock.advance(5000)
    await ask('i-2')
    await clock.advance(5000)
    await ask('i-1')
    await clock.advance(5000)
    await ask('i-2')
    expect(looks.map((ids) => [...ids].sort())).toEqual([['i-1'], ['i-1', 'i-2'], ['i-1', 'i-2']])
  })

  it('stops looking at those that nobody asks for any more', async () => {
    const { add, ask, clock, looks } = setUp()
    for (const id of ['i-1', 'i-2']) add(id)
    await ask('i-1')
    await clock.advance(90_000)
    await ask('i-2')
    expect(looks.at(-1)).toEqual(['i-2'])
  })

  it('forgets what changed, also while an answer is under way', async () => {
    const { add, ask, sightings, clock, servers, looks } = setUp()
    add('i-1')
    await ask('i-1')
    sightings.forget('i-1')
    servers.delete('i-1')
    expect(await ask('i-1')).toEqual([undefined])
    add('i-2')
    const asked = sightings.byId('i-2')
    sightings.forget('i-2')
    await clock.advance(100)
    await asked
    await ask('i-2')
    expect(looks).toHaveLength(4)
  })

  it('asks for no more than EC2 takes', async () => {
    const { add, ask, clock, looks } = setUp()
    const ids = Array.from({ length: 250 }, (_, index) => `i-${index}`)
    for (const id of ids) add(id)
    expect((await ask(...ids)).every((state) => state === 'running')).toBe(true)
    await clock.advance(20_000)
    await ask('i-249')
    expect(Math.max(...looks.map(({ length }) => length))).toBe(200)
  })
})
