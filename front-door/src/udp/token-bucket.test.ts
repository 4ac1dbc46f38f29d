import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createTokenBucket, createTokenBuckets } from './token-bucket.ts'

const rate = { perSecond: 10, burst: 5 }

describe('a token bucket', () => {
  it('gives its burst at once and then the rate', () => {
    const bucket = createTokenBucket(rate, 0)
    expect(Array.from({ length: 7 }, () => bucket.take(1, 0))).toEqual([true, true, true, true, true, false, false])
    expect([bucket.take(1, 99), bucket.take(1, 100), bucket.take(1, 100)]).toEqual([false, true, false])
  })

  it('never gives more than rate and burst together', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(300)), (pauses) => {
        const bucket = createTokenBucket(rate, 0)
        let now = 0
        let given = 0
        for (const pause of pauses) {
          now += pause
          if (bucket.take(1, now)) given++
        }
        expect(given).toBeLessThanOrEqual(rate.burst + (now * rate.perSecond) / 1000 + 1e-6)
      }),
    )
  })

  it('pays back what was spent beyond what it had', () => {
    const bucket = createTokenBucket(rate, 0)
    bucket.spend(15, 0)
    expect([bucket.hasAny(1000), bucket.hasAny(1100)]).toEqual([false, true])
  })
})

describe('buckets of many', () => {
  it('are apart from each other', () => {
    const buckets = createTokenBuckets({ perSecond: 1, burst: 1 }, 10)
    expect([buckets.take('a', 0), buckets.take('a', 0), buckets.take('b', 0)]).toEqual([true, false, true])
  })

  it('forget the one that was quiet for longest', () => {
    const buckets = createTokenBuckets({ perSecond: 1, burst: 1 }, 2)
    for (const key of ['a', 'b', 'a', 'c']) buckets.take(key, 0)
    expect([buckets.take('a', 0), buckets.take('b', 0)]).toEqual([false, true])
  })
})
