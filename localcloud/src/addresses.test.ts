import { Failure } from '@trellis/foundation/failure'
import { describe, expect, it } from 'vitest'
import { contains, formatAddress, nextFree, overlap, parseAddress, parseNetworkRange, parseRange } from './addresses.ts'

const publicRange = parseRange('198.18.0.0/16', 'publicRange')

describe('parseAddress', () => {
  it.each(['0.0.0.0', '10.250.0.1', '255.255.255.255', '198.18.0.2'])('reads %s', (text) => {
    expect(formatAddress(parseAddress(text) ?? -1)).toBe(text)
  })
  it.each(['', '1.2.3', '1.2.3.4.5', '256.0.0.1', '01.2.3.4', 'a.b.c.d', '1.2.3.-4', '::1'])('refuses %s', (text) => {
    expect(parseAddress(text)).toBeUndefined()
  })
})

describe('parseRange', () => {
  it('knows its ends', () => {
    expect(parseRange('10.250.0.0/16', 'cidr')).toMatchObject({
      first: parseAddress('10.250.0.0'),
      last: parseAddress('10.250.255.255'),
      prefixLength: 16,
    })
  })
  it.each([
    { text: '10.0.0.0', reason: 'no length' },
    { text: '10.0.0.0/33', reason: 'length too large' },
    { text: '10.0.0.0/8/8', reason: 'two lengths' },
    { text: '10.0.0.0/', reason: 'empty length' },
    { text: '10.0.0/8', reason: 'address too short' },
    { text: 'fd00::/8', reason: 'not IPv4' },
  ])('refuses $text: $reason', ({ text }) => {
    expect(() => parseRange(text, 'cidr')).toThrow(expect.objectContaining({ kind: 'Invalid', field: 'cidr' }))
  })
  it('tells how a range with host bits is written', () => {
    expect(() => parseRange('10.0.1.5/16', 'cidr')).toThrow(expect.objectContaining({ remedy: 'write 10.0.0.0/16' }))
  })
})

describe('overlap and contains', () => {
  it.each([
    ['10.0.0.0/8', '10.1.0.0/16', true],
    ['10.0.0.0/16', '10.1.0.0/16', false],
    ['0.0.0.0/0', '198.18.0.0/16', true],
  ])('%s and %s: %s', (one, other, expected) => {
    expect(overlap(parseRange(one, ''), parseRange(other, ''))).toBe(expected)
    expect(overlap(parseRange(other, ''), parseRange(one, ''))).toBe(expected)
  })
  it('contains addresses of the range only', () => {
    expect(contains(publicRange, '198.18.255.1')).toBe(true)
    expect(contains(publicRange, '198.19.0.0')).toBe(false)
    expect(contains(publicRange, 'nonsense')).toBe(false)
  })
})

describe('parseNetworkRange', () => {
  it('takes private ranges', () =>
    expect(parseNetworkRange('10.250.0.0/16', publicRange, 'cidr').prefixLength).toBe(16))
  it.each([
    ['198.18.4.0/24', "the cloud's public network"],
    ['169.254.0.0/16', 'instance metadata'],
    ['127.0.0.0/8', 'loopback'],
    ['224.0.0.0/8', 'multicast'],
    ['10.0.0.0/29', 'no size'],
    ['0.0.0.0/1', 'no size'],
  ])('refuses %s: %s', (text, meaning) => {
    expect(() => parseNetworkRange(text, publicRange, 'cidr')).toThrow(meaning)
  })
})

describe('nextFree', () => {
  const pool = { range: parseRange('10.0.0.0/29', 'cidr'), reserved: 2, name: 'network n' }
  it.each([
    { reason: 'begins after the reserved ones', used: [], after: undefined, free: '10.0.0.2' },
    { reason: 'goes on after the last', used: ['10.0.0.2'], after: '10.0.0.2', free: '10.0.0.3' },
    { reason: 'does not reuse what was just freed', used: [], after: '10.0.0.4', free: '10.0.0.5' },
    { reason: 'goes round before the last address', used: ['10.0.0.6'], after: '10.0.0.6', free: '10.0.0.2' },
    { reason: 'skips what is used', used: ['10.0.0.3', '10.0.0.4'], after: '10.0.0.2', free: '10.0.0.5' },
  ])('$reason', ({ used, after, free }) => {
    expect(nextFree(pool, new Set(used), after)).toBe(free)
  })
  it('says when nothing is left', () => {
    const used = new Set(['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6'])
    expect(() => nextFree(pool, used, '10.0.0.4')).toThrow(Failure)
    expect(() => nextFree(pool, used, '10.0.0.4')).toThrow('no address is left in network n 10.0.0.0/29')
  })
})
