import type { Clock } from '@trellis/foundation/clock'
import { createSeededRandom, type Random } from '@trellis/foundation/random'
import type { Backoff } from '@trellis/foundation/retry'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { expect, it } from 'vitest'
import type { WorkQueue } from '../src/queue.ts'

/** Makes the queue under test. */
export type MakeQueue = (clock: Clock, random: Random, backoff: Backoff) => WorkQueue

/** What every work queue must do. Call it within a `describe`. */
export function testWorkQueue(make: MakeQueue): void {
  const begin = () => {
    const clock = createVirtualClock()
    const backoff = { firstMilliseconds: 100, longestMilliseconds: 1_000 }
    return { clock, queue: make(clock, createSeededRandom('queue'), backoff) }
  }
  testPlain(begin)
  testDelays(begin)
  testBackoff(begin)
  testRandomised(begin)
}

type Begin = () => { readonly clock: ReturnType<typeof createVirtualClock>; readonly queue: WorkQueue }

function testPlain(begin: Begin): void {
  it('gives keys in the order they came', async () => {
    const { queue } = begin()
    for (const key of ['a', 'b', 'c']) queue.add(key)
    expect([await queue.take(), await queue.take(), await queue.take()]).toEqual(['a', 'b', 'c'])
  })

  it('holds a key once', async () => {
    const { queue } = begin()
    for (const key of ['a', 'b', 'a']) queue.add(key)
    expect(queue.depth()).toBe(2)
    expect(await queue.take()).toBe('a')
    expect(queue.depth()).toBe(1)
  })

  it('gives a key again that came back while it was worked on, but only after that', async () => {
    const { queue } = begin()
    queue.add('a')
    expect(await queue.take()).toBe('a')
    queue.add('a')
    queue.add('a')
    expect(queue.depth()).toBe(0)
    queue.done('a')
    expect(queue.depth()).toBe(1)
    expect(await queue.take()).toBe('a')
    queue.done('a')
    expect(queue.depth()).toBe(0)
  })

  it('wakes those who wait, first come first served', async () => {
    const { queue } = begin()
    const takes = [queue.take(), queue.take()]
    queue.add('a')
    queue.add('b')
    expect(await Promise.all(takes)).toEqual(['a', 'b'])
    expect(queue.depth()).toBe(0)
  })

  it('gives what it has after shutting down, then nothing', async () => {
    const { queue } = begin()
    queue.add('a')
    queue.add('b')
    expect(await queue.take()).toBe('a')
    queue.add('a')
    queue.shutDown()
    queue.add('c')
    expect(await queue.take()).toBe('b')
    queue.done('a')
    expect(await queue.take()).toBe('a')
    expect(await queue.take()).toBeUndefined()
  })

  it('tells those who wait that it shuts down', async () => {
    const { queue } = begin()
    const takes = [queue.take(), queue.take()]
    queue.shutDown()
    expect(await Promise.all(takes)).toEqual([undefined, undefined])
  })

  it('takes no harm from a key that is done but was never taken', async () => {
    const { queue } = begin()
    queue.add('a')
    queue.done('a')
    queue.done('b')
    expect(await queue.take()).toBe('a')
  })
}

function testDelays(begin: Begin): void {
  it('adds later', async () => {
    const { clock, queue } = begin()
    queue.addAfter('a', 1_000)
    await clock.advance(999)
    expect(queue.depth()).toBe(0)
    await clock.advance(1)
    expect(queue.depth()).toBe(1)
  })

  it('adds at once when there is no delay', () => {
    const { queue } = begin()
    queue.addAfter('a', 0)
    queue.addAfter('b', -5)
    queue.addAfter('c', Number.NaN)
    expect(queue.depth()).toBe(3)
  })

  it('lets the earlier of two moments win', async () => {
    const { clock, queue } = begin()
    queue.addAfter('a', 1_000)
    queue.addAfter('a', 500)
    queue.addAfter('a', 2_000)
    await clock.advance(500)
    expect(await queue.take()).toBe('a')
    queue.done('a')
    await clock.advance(5_000)
    expect(queue.depth()).toBe(0)
  })

  it('calls delays off when it shuts down', async () => {
    const { clock, queue } = begin()
    queue.addAfter('a', 1_000)
    queue.shutDown()
    queue.addAfter('b', 1_000)
    expect(clock.pending()).toEqual([])
    expect(await queue.take()).toBeUndefined()
  })
}

function testBackoff(begin: Begin): void {
  it('lengthens the pauses of a key until it is forgotten', async () => {
    const { clock, queue } = begin()
    const pauses: number[] = []
    for (let round = 0; round < 7; round++) {
      const start = clock.now()
      queue.addWithBackoff('a')
      pauses.push((clock.pending()[0] ?? 0) - start)
      await clock.advance(1_000)
      expect(await queue.take()).toBe('a')
      queue.done('a')
    }
    for (const [index, longest] of [100, 200, 400, 800, 1_000, 1_000, 1_000].entries()) {
      expect(pauses[index]).toBeGreaterThanOrEqual(longest / 2)
      expect(pauses[index]).toBeLessThanOrEqual(longest)
    }
    expect(queue.tries('a')).toBe(7)
    expect(queue.tries('b')).toBe(0)
    queue.forget('a')
    expect(queue.tries('a')).toBe(0)
    queue.addWithBackoff('a')
    await clock.advance(100)
    expect(queue.depth()).toBe(1)
  })

  it('waits at least as long as it was told', async () => {
    const { clock, queue } = begin()
    queue.addWithBackoff('a', 5_000)
    await clock.advance(4_999)
    expect(queue.depth()).toBe(0)
    await clock.advance(1)
    expect(queue.depth()).toBe(1)
  })
}

function testRandomised(begin: Begin): void {
  it.each(['one', 'two', 'three'])('never gives a key to two workers nor loses one (seed %s)', async (seed) => {
    const random = createSeededRandom(seed)
    const { clock, queue } = begin()
    const working = new Set<string>()
    const owed = new Set<string>()
    for (let step = 0; step < 2_000; step++) {
      const key = `key-${random.integer(12)}`
      const action = random.integer(4)
      if (action === 0) {
        queue.add(key)
        owed.add(key)
      } else if (action === 1) {
        queue.addAfter(key, random.integer(50))
        owed.add(key)
      } else if (action === 2 && queue.depth() > 0) {
        const taken = (await queue.take()) ?? ''
        expect(working.has(taken)).toBe(false)
        working.add(taken)
        owed.delete(taken)
      } else {
        for (const done of working) {
          working.delete(done)
          queue.done(done)
          break
        }
        await clock.advance(random.integer(10))
      }
    }
    for (const key of working) queue.done(key)
    await clock.advance(100)
    while (queue.depth() > 0) owed.delete((await queue.take()) ?? '')
    expect([...owed]).toEqual([])
  })
}
