import { describe, expect, it } from 'vitest'
import { createVirtualClock } from '../testing/virtual-clock.ts'
import { createSystemClock } from './clock.ts'
import { createSeededRandom } from './random.ts'

describe('virtual clock', () => {
  it('fires timers in the order in which they fall due', async () => {
    const clock = createVirtualClock(1000)
    const fired: string[] = []
    clock.setTimer(20, () => fired.push(`second at ${clock.now()}`))
    clock.setTimer(10, () => fired.push(`first at ${clock.now()}`))
    clock.setTimer(20, () => fired.push(`third at ${clock.now()}`))
    await clock.advance(25)
    expect(fired).toEqual(['first at 1010', 'second at 1020', 'third at 1020'])
    expect(clock.now()).toBe(1025)
  })

  it('fires timers that fired timers set', async () => {
    const clock = createVirtualClock(0)
    const fired: number[] = []
    const repeat = (): void => {
      fired.push(clock.now())
      if (fired.length < 3) clock.setTimer(10, repeat)
    }
    clock.setTimer(10, repeat)
    await clock.advance(100)
    expect(fired).toEqual([10, 20, 30])
  })

  it('does not fire a cancelled timer', async () => {
    const clock = createVirtualClock()
    let fired = false
    clock
      .setTimer(10, () => {
        fired = true
      })
      .cancel()
    await clock.advance(20)
    expect(fired).toBe(false)
    expect(clock.pending()).toEqual([])
  })

  it('ends a sleep with the reason of an abort and forgets its timer', async () => {
    const clock = createVirtualClock()
    const controller = new AbortController()
    const sleep = clock.sleep(1000, controller.signal)
    const reason = new DOMException('enough')
    controller.abort(reason)
    await expect(sleep).rejects.toBe(reason)
    expect(clock.pending()).toEqual([])
  })

  it('refuses to sleep under a signal that has aborted', async () => {
    const clock = createVirtualClock()
    await expect(clock.sleep(1, AbortSignal.abort('gone'))).rejects.toBe('gone')
  })
})

describe('virtual clock, shuffled', () => {
  const order = async (seed: string) => {
    const clock = createVirtualClock(0, createSeededRandom(seed))
    const fired: number[] = []
    for (let index = 0; index < 8; index++) clock.setTimer(10, () => fired.push(index))
    clock.setTimer(9, () => fired.push(-1))
    await clock.advance(10)
    return fired
  }

  it('fires what falls due at one instant in an order that the seed decides', async () => {
    expect(await order('a')).toEqual(await order('a'))
    expect(await order('a')).not.toEqual(await order('b'))
    expect((await order('a')).at(0)).toBe(-1)
    expect((await order('a')).sort((left, right) => left - right)).toEqual([-1, 0, 1, 2, 3, 4, 5, 6, 7])
  })

  it('goes from timer to timer in steps', async () => {
    const clock = createVirtualClock(0)
    clock.setTimer(10, () => {})
    expect(await clock.step(5)).toBe(false)
    expect(clock.now()).toBe(5)
    expect(await clock.step(20)).toBe(true)
    expect(clock.now()).toBe(10)
  })
})

describe('system clock', () => {
  it('never ends a sleep before its time', async () => {
    const clock = createSystemClock()
    for (let round = 0; round < 50; round++) {
      const before = clock.now()
      await clock.sleep(3)
      expect(clock.now() - before).toBeGreaterThanOrEqual(3)
    }
  })
})
