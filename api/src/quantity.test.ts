import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isQuantity, quantityNanos, quantityNumber } from './quantity.ts'

describe('quantityNumber', () => {
  it.each([
    ['0', 0],
    [2, 2],
    ['500m', 0.5],
    ['1.5', 1.5],
    ['.5', 0.5],
    ['5.', 5],
    ['4Gi', 4 * 2 ** 30],
    ['1.5Ki', 1536],
    ['1k', 1000],
    ['1e3', 1000],
    ['1E3', 1000],
    ['1E', 1e18],
    ['25e-1', 2.5],
    ['-2', -2],
    ['+2', 2],
  ])('reads %s as %d', (text, number) => {
    expect(quantityNumber(text)).toBe(number)
  })

  it.each(['', 'Gi', '1 Gi', '1gi', '1K', '1.2.3', 'abc', '1e', '--1', '1Gi5', ' 1', 'NaN', 'Infinity'])(
    'refuses %j',
    (text) => {
      expect(quantityNumber(text)).toBeUndefined()
      expect(isQuantity(text)).toBe(false)
    },
  )

  it('refuses numbers that JSON cannot hold', () => {
    expect(isQuantity(Number.NaN)).toBe(false)
    expect(isQuantity(true)).toBe(false)
  })
})

describe('quantityNanos', () => {
  it('is exact beyond the precision of numbers', () => {
    expect(quantityNanos('9007199254740993')).toBe(9007199254740993n * 10n ** 9n)
    expect(quantityNanos('8Ei')).toBe(2n ** 63n * 10n ** 9n)
  })

  it('rounds away from zero below a billionth', () => {
    expect(quantityNanos('0.0000000001')).toBe(1n)
    expect(quantityNanos('-0.0000000001')).toBe(-1n)
  })

  it('gives the same for each way to write a whole number', () => {
    fc.assert(
      fc.property(fc.nat(), (number) => {
        const nanos = BigInt(number) * 10n ** 9n
        expect(quantityNanos(number)).toBe(nanos)
        expect(quantityNanos(`${number}.000`)).toBe(nanos)
        expect(quantityNanos(`${number}000m`)).toBe(nanos)
        expect(quantityNanos(`${number}e0`)).toBe(nanos)
        expect(quantityNanos(`${number}Ki`)).toBe(nanos * 1024n)
      }),
    )
  })

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => ['bigint', 'undefined'].includes(typeof quantityNanos(text))))
  })
})
