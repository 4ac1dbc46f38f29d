import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { startSizeProber } from './size-prober.ts'

const limits = { floor: 1280, start: 1420, ceiling: 1420 }

/** A prober whose questions are answered after so long when they are not larger than what passes. */
function proberOn(
  clock: ReturnType<typeof createVirtualClock>,
  path: { largest: number; milliseconds: number; perByte?: number },
) {
  const life = new AbortController()
  const sizes: number[] = []
  let sequence = 0
  const prober = startSizeProber({
    clock,
    limits,
    signal: life.signal,
    onSize: (size) => sizes.push(size),
    ask: (size = 46) => {
      const number = ++sequence
      const after = path.milliseconds + size * (path.perByte ?? 0)
      if (size <= path.largest) clock.setTimer(after, () => void prober.answered(number))
      return number
    },
  })
  return { prober, sizes, end: () => life.abort(), asked: () => sequence }
}

describe('looking for the size of a path', () => {
  it('takes several rounds, and follows the path', async () => {
    const clock = createVirtualClock()
    const path = { largest: 1420, milliseconds: 300 }
    const { prober, sizes, end, asked } = proberOn(clock, path)
    await clock.advance(10_000)
    expect(sizes).toEqual([])
    path.largest = 1390
    await clock.advance(8000)
    expect(prober.size()).toBe(1376)
    path.largest = 1420
    await clock.advance(70_000)
    expect(prober.size()).toBe(1420)
    end()
    await prober.ended
    const before = asked()
    await clock.advance(60_000)
    expect(asked()).toBe(before)
  })

  it('takes answers that come too late for none', async () => {
    const clock = createVirtualClock()
    const { prober, sizes, end } = proberOn(clock, { largest: 1300, milliseconds: 1500 })
    await clock.advance(20_000)
    expect(sizes).toEqual([])
    expect(prober.answered(1)).toBe(false)
    end()
    await prober.ended
  })

  it('does not take for lost what comes later than the smallest, at the edge of patience', async () => {
    const clock = createVirtualClock()
    const { prober, sizes, end } = proberOn(clock, { largest: 1420, milliseconds: 990, perByte: 0.1 })
    await clock.advance(120_000)
    expect(sizes).toEqual([])
    expect(prober.size()).toBe(1420)
    end()
    await prober.ended
  })

  it('looks again at once when the path has changed', async () => {
    const clock = createVirtualClock()
    const path = { largest: 0, milliseconds: 10 }
    const { prober, end } = proberOn(clock, path)
    await clock.advance(120_000)
    path.largest = 1300
    prober.changed()
    await clock.advance(3000)
    expect(prober.size()).toBe(1296)
    prober.changed({ floor: 1280, start: 1290, ceiling: 1290 })
    expect(prober.size()).toBe(1290)
    end()
    await prober.ended
  })
})
