import { Failure, InvariantError } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { again, blocked, createController, done, type Reconcile } from './controller.ts'

function begin(reconcile: Reconcile, concurrency = 1) {
  const clock = createVirtualClock()
  const stop = new AbortController()
  const controller = createController({
    clock,
    random: createSeededRandom('controller'),
    log: createSilentLog(),
    name: 'test',
    concurrency,
    reconcile,
  })
  return { clock, stop, controller, run: controller.run(stop.signal) }
}

describe('controller', () => {
  it('works on each key and then rests', async () => {
    const seen: string[] = []
    const { clock, stop, controller, run } = begin(async (key) => {
      seen.push(key)
      return done
    })
    controller.enqueue('a')
    controller.enqueue('b')
    await clock.advance(3_600_000)
    expect(seen).toEqual(['a', 'b'])
    stop.abort()
    await run
  })

  it('comes again after the time that was asked for', async () => {
    let count = 0
    const { clock, stop, controller, run } = begin(async () => {
      count += 1
      return again(1_000)
    })
    controller.enqueue('a')
    await clock.advance(3_500)
    expect(count).toBe(4)
    stop.abort()
    await run
  })

  it('waits for a change when it is blocked', async () => {
    let count = 0
    const { clock, stop, controller, run } = begin(async () => {
      count += 1
      return blocked('the class is missing')
    })
    controller.enqueue('a')
    await clock.advance(3_600_000)
    expect(count).toBe(1)
    controller.enqueueAfter('a', 10)
    await clock.advance(10)
    expect(count).toBe(2)
    stop.abort()
    await run
  })

  it('tries again with growing pauses, and begins anew after a success', async () => {
    const moments: number[] = []
    let failing = true
    const { clock, stop, controller, run } = begin(async () => {
      moments.push(clock.now())
      if (failing) throw new Failure('Unavailable', 'not now')
      return done
    })
    controller.enqueue('a')
    await clock.advance(2_000)
    const pauses = moments.slice(1).map((moment, index) => moment - (moments[index] ?? 0))
    expect(pauses.length).toBeGreaterThan(3)
    for (let index = 1; index < pauses.length; index++)
      expect(pauses[index]).toBeGreaterThan((pauses[index - 1] ?? 0) / 2)
    failing = false
    await clock.advance(120_000)
    failing = true
    moments.length = 0
    controller.enqueue('a')
    await clock.advance(60)
    expect(moments).toHaveLength(2)
    stop.abort()
    await run
  })

  it('respects the pause that a server asks for', async () => {
    let count = 0
    const { clock, stop, controller, run } = begin(async () => {
      count += 1
      throw new Failure('Throttled', 'slowly', { retryAfterMilliseconds: 30_000 })
    })
    controller.enqueue('a')
    await clock.advance(29_000)
    expect(count).toBe(1)
    await clock.advance(1_000)
    expect(count).toBe(2)
    stop.abort()
    await run
  })

  it('works on several keys at once but never twice on one', async () => {
    const working: string[] = []
    let most = 0
    const { clock, stop, controller, run } = begin(async (key, signal) => {
      expect(working).not.toContain(key)
      working.push(key)
      most = Math.max(most, working.length)
      await clock.sleep(100, signal)
      working.splice(working.indexOf(key), 1)
      return done
    }, 3)
    for (const key of ['a', 'b', 'c', 'd', 'e']) controller.enqueue(key)
    await clock.advance(50)
    controller.enqueue('a')
    await clock.advance(1_000)
    expect(most).toBe(3)
    expect(working).toEqual([])
    stop.abort()
    await run
  })

  it('lets work under way finish, and begins no other', async () => {
    const finish = Promise.withResolvers<void>()
    const seen: string[] = []
    const { clock, stop, controller, run } = begin(async (key) => {
      seen.push(`begin ${key}`)
      await finish.promise
      seen.push(`end ${key}`)
      return again(1)
    })
    controller.enqueue('a')
    controller.enqueue('b')
    await clock.advance(1)
    stop.abort()
    await clock.advance(1)
    finish.resolve()
    await run
    expect(seen).toEqual(['begin a', 'end a'])
    expect(clock.pending()).toEqual([])
  })

  it('crashes on a bug, after stopping the others', async () => {
    let ended = false
    const { clock, controller, run } = begin(async (key, signal) => {
      if (key === 'bug') throw new InvariantError('cannot be')
      await clock.sleep(1_000_000, signal).catch(() => {})
      ended = true
      return done
    }, 2)
    controller.enqueue('long')
    controller.enqueue('bug')
    await expect(run).rejects.toThrow('cannot be')
    expect(ended).toBe(true)
  })

  it('does not run before it is run, nor after it was stopped', async () => {
    const seen: string[] = []
    const clock = createVirtualClock()
    const options = { clock, random: createSeededRandom('x'), log: createSilentLog(), name: 'x', concurrency: 1 }
    const controller = createController({
      ...options,
      reconcile: async (key) => {
        seen.push(key)
        return done
      },
    })
    controller.enqueue('a')
    await clock.advance(1)
    expect(seen).toEqual([])
    await controller.run(AbortSignal.abort())
    expect(seen).toEqual([])
  })
})
