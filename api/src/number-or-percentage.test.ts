import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { countOf, percentageOf, rolloutBounds } from './number-or-percentage.ts'

describe('countOf', () => {
  it.each([
    [3, 10, 3, 3],
    ['25%', 10, 3, 2],
    ['0%', 10, 0, 0],
    ['100%', 7, 7, 7],
    ['150%', 2, 3, 3],
    ['1%', 1, 1, 0],
    ['29%', 100, 29, 29],
  ])('takes %s of %d', (value, total, up, down) => {
    expect(countOf(value, total, 'up')).toBe(up)
    expect(countOf(value, total, 'down')).toBe(down)
  })

  it.each(['3', '', '%', '-1%', '1.5%', 'x%', -1, 1.5])('refuses %j', (value) => {
    expect(countOf(value, 10, 'up')).toBeUndefined()
  })

  it('rounds up and down to neighbours, and to the same only when the share is whole', () => {
    fc.assert(
      fc.property(fc.nat({ max: 1000 }), fc.nat({ max: 100_000 }), (share, total) => {
        const up = countOf(`${share}%`, total, 'up') ?? Number.NaN
        const down = countOf(`${share}%`, total, 'down') ?? Number.NaN
        expect(up - down).toBe((share * total) % 100 === 0 ? 0 : 1)
        expect(down * 100).toBeLessThanOrEqual(share * total)
        expect(up * 100).toBeGreaterThanOrEqual(share * total)
      }),
    )
  })
})

describe('rolloutBounds', () => {
  const amount = fc.oneof(
    fc.nat({ max: 20 }),
    fc.nat({ max: 100 }).map((share) => `${share}%`),
  )

  it('always lets a rollout proceed', () => {
    fc.assert(
      fc.property(amount, amount, fc.nat({ max: 500 }), (surge, unavailable, replicas) => {
        const bounds = rolloutBounds(surge, unavailable, replicas)
        expect((bounds?.maxSurge ?? 0) + (bounds?.maxUnavailable ?? 0)).toBeGreaterThan(0)
      }),
    )
  })

  it('rounds surge up and unavailable down', () => {
    expect(rolloutBounds('25%', '25%', 10)).toEqual({ maxSurge: 3, maxUnavailable: 2 })
    expect(rolloutBounds(0, '1%', 10)).toEqual({ maxSurge: 0, maxUnavailable: 1 })
    expect(rolloutBounds('one', 0, 10)).toBeUndefined()
  })
})

it('tells percentages from numbers', () => {
  expect(percentageOf('25%')).toBe(25)
  expect(percentageOf(25)).toBeUndefined()
  expect(percentageOf('25')).toBeUndefined()
})
