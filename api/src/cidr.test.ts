import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressIn, overlaps, parseCidr } from './cidr.ts'

const address = fc.ipV4()
const range = fc.tuple(address, fc.integer({ min: 0, max: 32 })).map(([ip, prefix]) => `${ip}/${prefix}`)

describe('parseCidr', () => {
  it('reads a range', () => {
    expect(parseCidr('10.250.0.0/16')).toEqual({
      first: 184156160,
      last: 184221695,
      prefixLength: 16,
      text: '10.250.0.0/16',
    })
    expect(parseCidr('10.250.3.4/16')?.text).toBe('10.250.0.0/16')
    expect(parseCidr('0.0.0.0/0')?.last).toBe(2 ** 32 - 1)
  })

  it.each([
    '',
    '10.0.0.0',
    '10.0.0/8',
    '10.0.0.0/33',
    '10.0.0.256/8',
    '10.0.0.0/8/8',
    'fd00::/8',
    '10.0.0.0/08',
    '010.0.0.0/8',
    ' 10.0.0.0/8',
  ])('refuses %j', (text) => {
    expect(parseCidr(text)).toBeUndefined()
  })

  it('writes what it reads again', () => {
    fc.assert(fc.property(range, (text) => parseCidr(parseCidr(text)?.text ?? '')?.text === parseCidr(text)?.text))
  })
})

it('finds overlaps exactly where one range holds the first address of the other', () => {
  fc.assert(
    fc.property(range, range, (a, b) => {
      const [left, right] = [parseCidr(a), parseCidr(b)]
      if (left === undefined || right === undefined) return false
      const holds = (one: typeof left, point: number) => one.first <= point && point <= one.last
      return overlaps(left, right) === (holds(left, right.first) || holds(right, left.first))
    }),
  )
})

it('counts addresses', () => {
  const services = parseCidr('100.64.0.0/16')
  expect(services && addressIn(services, 10)).toBe('100.64.0.10')
  expect(services && addressIn(services, 65536)).toBeUndefined()
})
