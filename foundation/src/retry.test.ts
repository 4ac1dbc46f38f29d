import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createVirtualClock } from '../testing/virtual-clock.ts'
import { Failure } from './failure.ts'
import { createSeededRandom } from './random.ts'
import { pauseMilliseconds, retry } from './retry.ts'

const backoff = { firstMilliseconds: 100, longestMilliseconds: 1000 }
const random = createSeededRandom('retry')

describe('pauseMilliseconds', () => {
  it('doubles up to the longest and stays in its upper half', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), (tries) => {
        const full = Math.min(100 * 2 ** Math.min(tries - 1, 64), 1000)
        const pause = pauseMilliseconds(backoff, tries, random)
        return pause >= full / 2 && pause <= full
      }),
    )
  })
})

describe('retry', () => {
  it('returns what the first successful try returns', async () => {
    const clock = createVirtualClock()
    let tries = 0
    const result = retry(
      async () => {
        if (++tries < 4) throw new Failure('Unavailable', 'not yet')
        return tries
      },
      { clock, random, backoff, deadlineMilliseconds: 60_000 },
    )
    await clock.advance(5000)
    expect(await result).toBe(4)
  })

  it('gives up at once when trying again cannot help', async () => {
    const clock = createVirtualClock()
    let tries = 0
    const work = async (): Promise<never> => {
      tries++
      throw new Failure('Invalid', 'never')
    }
    await expect(retry(work, { clock, random, backoff, deadlineMilliseconds: 60_000 })).rejects.toThrow('never')
    expect(tries).toBe(1)
  })

  it('throws the last error when the deadline has passed', async () => {
    const clock = createVirtualClock()
    const start = clock.now()
    const result = retry(
      async () => {
        throw new Failure('Unavailable', `at ${clock.now() - start}`)
      },
      { clock, random, backoff, deadlineMilliseconds: 3000 },
    )
    const outcome = expect(result).rejects.toThrow(/^at \d+$/)
    await clock.advance(10_000)
    await outcome
    expect(clock.pending()).toEqual([])
  })

  it('waits as long as the other side asks', async () => {
    const clock = createVirtualClock()
    const start = clock.now()
    let tries = 0
    const result = retry(
      async () => {
        if (++tries === 1) throw new Failure('Throttled', 'slow down', { retryAfterMilliseconds: 7000 })
        return clock.now() - start
      },
      { clock, random, backoff, deadlineMilliseconds: 60_000 },
    )
    await clock.advance(20_000)
    expect(await result).toBe(7000)
  })

  it('stops when it is told to', async () => {
    const clock = createVirtualClock()
    const controller = new AbortController()
    const result = retry(
      async () => {
        throw new Failure('Unavailable', 'no')
      },
      { clock, random, backoff, deadlineMilliseconds: 60_000, signal: controller.signal },
    )
    const outcome = expect(result).rejects.toBe('stop')
    await clock.advance(10)
    controller.abort('stop')
    await outcome
    expect(clock.pending()).toEqual([])
  })
})
