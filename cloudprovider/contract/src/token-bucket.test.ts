import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createTokenBucket } from './token-bucket.ts'

describe('a token bucket', () => {
  it('keeps no timer for callers that have all gone', async () => {
    const clock = createVirtualClock()
    const bucket = createTokenBucket({ clock }, { perSecond: 1, burst: 1 })
    await bucket.take()
    const stop = new AbortController()
    const waiting = [bucket.take(stop.signal), bucket.take(stop.signal)].map((one) => one.catch((error) => error))
    expect(clock.pending()).toHaveLength(1)
    stop.abort('enough')
    expect(await Promise.all(waiting)).toEqual(['enough', 'enough'])
    expect(clock.pending()).toEqual([])
  })

  it('takes nothing for callers that have gone', async () => {
    const clock = createVirtualClock()
    const bucket = createTokenBucket({ clock }, { perSecond: 1, burst: 1 })
    await bucket.take()
    const stop = new AbortController()
    const gone = bucket.take(stop.signal).catch((error) => error)
    let entered = false
    const next = bucket.take().then(() => {
      entered = true
    })
    stop.abort('enough')
    await clock.advance(1000)
    expect([await gone, entered]).toEqual(['enough', true])
    await next
  })

  it('keeps its rate when nothing says how far it may sink', async () => {
    const clock = createVirtualClock()
    const bucket = createTokenBucket({ clock }, { perSecond: 10, burst: 1 })
    bucket.slowDown(0)
    expect(bucket.perSecond()).toBe(10)
  })

  it('lets in no more than a burst and what came back since, whenever callers come', async () => {
    const delays = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(delays, fc.integer({ min: 1, max: 5 }), async (pauses, burst) => {
        const clock = createVirtualClock()
        const bucket = createTokenBucket({ clock }, { perSecond: 10, burst })
        const begun: number[] = []
        const start = clock.now()
        const all: Promise<unknown>[] = []
        for (const pause of pauses) {
          await clock.advance(pause)
          all.push(bucket.take().then(() => begun.push(clock.now() - start)))
        }
        await clock.advance(100 * pauses.length)
        await Promise.all(all)
        for (const [index, at] of begun.entries()) {
          // The burst-th after it came no earlier than one token took to come back.
          const later = begun[index + burst]
          if (later !== undefined) expect(later - at).toBeGreaterThanOrEqual(99)
        }
      }),
    )
  })
})
