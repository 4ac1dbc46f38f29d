import { createSeededRandom } from '@trellis/foundation/random'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  beginSizeSearch,
  lossesUntilBad,
  type SizeLimits,
  type SizeSearch,
  sizeRoundOf,
  sizeSearchAfter,
} from './size-search.ts'

/** A path of which a test says what it lets through; each answer takes its round trip. */
interface SimulatedPath {
  /** Largest packet that passes at this instant; 0: nothing does. */
  readonly largest: (now: number) => number
  /** Part of all packets, small ones included, that is lost by chance. */
  readonly loss?: number
  readonly seed?: number
}

const usual: SizeLimits = { floor: 1280, start: 1420, ceiling: 1420 }

/** Goes through rounds until the time is over; what is answered is known at once, what is not a second later. */
function simulate(begin: SizeSearch, path: SimulatedPath, milliseconds: number, from = 0) {
  const random = createSeededRandom(`path ${path.seed ?? 0}`)
  const closing: { at: number; heard: boolean; lost: number[] }[] = []
  const changes: { at: number; size: number }[] = []
  let search = begin
  let asked = 0
  const happen = (now: number, event: Parameters<typeof sizeSearchAfter>[1]) => {
    const before = search.size
    search = sizeSearchAfter(search, event)
    if (search.size !== before) changes.push({ at: now, size: search.size })
  }
  const arrives = (size: number, now: number) => size <= path.largest(now) && random.fraction() >= (path.loss ?? 0)
  for (let now = from; now < from + milliseconds; ) {
    while (closing[0] !== undefined && closing[0].at <= now) {
      const { at: _, ...round } = closing.shift() as (typeof closing)[number]
      happen(now, { kind: 'closed', ...round, now })
    }
    happen(now, { kind: 'time', now })
    const { sizes, pauseMilliseconds } = sizeRoundOf(search)
    asked += sizes.reduce((sum, size) => sum + size, 0)
    const heard = arrives(46, now)
    const lost = sizes.filter((size) => !arrives(size, now))
    for (const size of sizes) if (!lost.includes(size)) happen(now, { kind: 'answered', size })
    closing.push({ at: now + 1000, heard, lost })
    now += pauseMilliseconds
  }
  return { search, changes, askedBytes: asked }
}

describe('the search for the size of a path', () => {
  it.each([
    ['what was assumed', usual, 1420, 1420, 0],
    ['one step less', usual, 1419, 1408, 2000],
    ['less than the floor', usual, 900, 1280, 2000],
    ['exactly the floor', usual, 1280, 1280, 2000],
    ['much less where only IPv4 passes', { ...usual, floor: 576 }, 1300, 1296, 5000],
    ['much less than that', { ...usual, floor: 576 }, 700, 688, 5000],
    ['more where the interface takes it', { floor: 1280, start: 1420, ceiling: 8920 }, 8920, 8920, 0],
    ['a usual path although the interface takes more', { floor: 1280, start: 1420, ceiling: 8920 }, 1420, 1420, 0],
    ['a path in between', { floor: 1280, start: 1420, ceiling: 8920 }, 4000, 4000, 6000],
  ] as const)('finds %s', (_, limits, largest, found, milliseconds) => {
    const { search, changes } = simulate(beginSizeSearch(limits, 0), { largest: () => largest }, 20_000)
    expect(search).toMatchObject({ size: found, trial: undefined })
    expect(changes.at(-1)?.at ?? 0).toBeLessThanOrEqual(milliseconds)
  })

  it('follows a path that becomes narrow and wide again', () => {
    const largest = (now: number) => (now >= 60_000 && now < 100_000 ? 1340 : 1420)
    const { search, changes } = simulate(beginSizeSearch(usual, 0), { largest }, 180_000)
    expect(search.size).toBe(1420)
    const narrow = changes.filter(({ at }) => at < 100_000)
    expect(narrow.at(-1)?.size).toBe(1328)
    expect(narrow.at(-1)?.at).toBeLessThan(66_000)
    expect(changes.at(-1)?.at).toBeLessThan(140_000)
  })

  it('learns nothing while nothing passes, and asks ever less', () => {
    const { search, askedBytes } = simulate(beginSizeSearch(usual, 0), { largest: () => 0 }, 600_000)
    expect(search.size).toBe(1420)
    expect(askedBytes).toBeLessThan(600_000)
    const up = sizeSearchAfter(search, { kind: 'changed', limits: usual, now: 600_000 })
    expect(simulate(up, { largest: () => 1400 }, 5000, 600_000).search.size).toBe(1392)
  })

  it('keeps to new limits at once', () => {
    const settled = simulate(beginSizeSearch(usual, 0), { largest: () => 1420 }, 5000).search
    const narrower = { floor: 1280, start: 1380, ceiling: 1380 }
    expect(sizeSearchAfter(settled, { kind: 'changed', limits: narrower, now: 5000 }).size).toBe(1380)
  })

  it('costs little once it has found', () => {
    const settled = simulate(beginSizeSearch(usual, 0), { largest: () => 1420 }, 5000).search
    expect(simulate(settled, { largest: () => 1420 }, 60_000, 5000).askedBytes).toBeLessThan(60 * 1000)
    const narrow = simulate(beginSizeSearch(usual, 0), { largest: () => 1340 }, 3_600_000)
    expect(narrow.askedBytes / 3600).toBeLessThan(2000)
  })

  it('is not misled by random loss', () => {
    const losses = fc.record({ loss: fc.double({ min: 0, max: 0.2, noNaN: true }), seed: fc.nat() })
    fc.assert(
      fc.property(losses, ({ loss, seed }) => {
        const { changes } = simulate(beginSizeSearch(usual, 0), { largest: () => 1420, loss, seed }, 300_000)
        expect(changes).toEqual([])
      }),
    )
  })

  it('finds any size in spite of loss, never more than passes and never less than the floor', () => {
    const paths = fc.record({
      largest: fc.integer({ min: 576, max: 9000 }),
      ceiling: fc.integer({ min: 1420, max: 9000 }),
      floor: fc.constantFrom(576, 1280),
      loss: fc.double({ min: 0, max: 0.1, noNaN: true }),
      seed: fc.nat(),
    })
    fc.assert(
      fc.property(paths, ({ largest, ceiling, floor, loss, seed }) => {
        const begin = beginSizeSearch({ floor, start: 1420, ceiling }, 0)
        const { size } = simulate(begin, { largest: () => largest, loss, seed }, 30_000).search
        const possible = Math.max(floor, Math.min(largest, ceiling))
        expect(size).toBeLessThanOrEqual(possible)
        expect(size).toBeGreaterThan(possible - 16)
      }),
    )
  })

  it('takes no size for too large before it was lost often while smaller ones passed', () => {
    let search = beginSizeSearch({ ...usual, floor: 1408 }, 0)
    const lost = [1420]
    for (let count = 1; count < lossesUntilBad; count++)
      search = sizeSearchAfter(search, { kind: 'closed', heard: true, lost, now: count })
    for (let count = 0; count < 100; count++)
      search = sizeSearchAfter(search, { kind: 'closed', heard: false, lost, now: count })
    expect(search.size).toBe(1420)
    expect(sizeSearchAfter(search, { kind: 'closed', heard: true, lost, now: 200 }).size).toBe(1408)
  })
})
