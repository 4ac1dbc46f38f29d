import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { durationMilliseconds, durationText } from './duration.ts'

describe('durationMilliseconds', () => {
  it.each([
    ['0', 0],
    ['0s', 0],
    ['90s', 90_000],
    ['20m', 1_200_000],
    ['10m0s', 600_000],
    ['1h30m', 5_400_000],
    ['1h0m0.5s', 3_600_500],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['100ms', 100],
    ['1500us', 1.5],
    ['1500µs', 1.5],
    ['-1m', -60_000],
    ['+1m', 60_000],
  ])('reads %s', (text, milliseconds) => {
    expect(durationMilliseconds(text)).toBeCloseTo(milliseconds, 9)
  })

  it.each(['', '1', '10', 'm', '1 m', '1d', '1m2', '-', '1h-2m', 'x1m', '1m ', '1,5s'])('refuses %j', (text) => {
    expect(durationMilliseconds(text)).toBeUndefined()
  })

  it('gives back what durationText wrote', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e12, max: 1e12 }), (milliseconds) => {
        expect(durationMilliseconds(durationText(milliseconds))).toBeCloseTo(milliseconds, 3)
      }),
    )
  })

  it('never throws and never gives NaN', () => {
    fc.assert(fc.property(fc.string(), (text) => !Number.isNaN(durationMilliseconds(text) ?? 0)))
  })
})

describe('durationText', () => {
  it.each([
    [0, '0s'],
    [250, '250ms'],
    [1_500, '1.5s'],
    [600_000, '10m0s'],
    [5_400_000, '1h30m0s'],
    [-60_000, '-1m0s'],
    [0.4, '0s'],
  ])('writes %d as Go does', (milliseconds, text) => {
    expect(durationText(milliseconds)).toBe(text)
  })
})
