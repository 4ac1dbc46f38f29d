import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseCidr } from '../address.ts'
import { carriersOf, closingDue, type OutgoingLink, type RankedLink, rankLinks } from './ranking.ts'

const pods = parseCidr('100.96.0.0/16')
const link = (interfaceName: string, change: Partial<RankedLink> = {}): RankedLink => ({
  ...{ interfaceName, up: true, steady: true, outgoing: false, carries: false, destinations: [pods] },
  ...change,
})
const carrier = (...links: readonly RankedLink[]) => carriersOf(links).get(pods)

describe('which link carries', () => {
  it.each<[string, string, Partial<RankedLink>, Partial<RankedLink>]>([
    ['the first when nothing tells them apart', 'a', {}, {}],
    ['the one that does already, though another is as good', 'b', {}, { carries: true }],
    ['the one that does already, though it has just missed an answer', 'b', {}, { carries: true, steady: false }],
    ['the other when it does not answer', 'a', {}, { carries: true, up: false }],
    ['not yet one that has just come up', 'b', { steady: false }, { carries: true, outgoing: true }],
    ['another once it is steady, when this one goes', 'a', {}, { carries: true, outgoing: true }],
    ['one that goes rather than one that does not answer', 'b', { up: false }, { carries: true, outgoing: true }],
    ['one that has just come up when no other answers', 'a', { steady: false }, { carries: true, up: false }],
    ['one that stays when none answers', 'a', { up: false }, { carries: true, up: false, outgoing: true }],
    ['the same as before when none answers', 'b', { up: false }, { carries: true, up: false }],
  ])('is %s', (_, expected, a, b) => {
    expect(carrier(link('a', a), link('b', b))).toBe(expected)
  })

  it('is decided for each destination among the links that lead there', () => {
    const [one, two] = [parseCidr('192.168.123.1/32'), parseCidr('192.168.123.2/32')]
    const carriers = carriersOf([
      link('a', { destinations: [one], up: false }),
      link('b', { destinations: [two] }),
      link('c', { destinations: [one] }),
    ])
    expect([...carriers]).toEqual(
      expect.arrayContaining([
        [one, 'c'],
        [two, 'b'],
      ]),
    )
  })

  const links = fc.uniqueArray(
    fc.record({
      interfaceName: fc.constantFrom('a', 'b', 'c', 'd'),
      up: fc.boolean(),
      steady: fc.boolean(),
      outgoing: fc.boolean(),
      carries: fc.boolean(),
      destinations: fc.constant([pods]),
    }),
    { selector: ({ interfaceName }) => interfaceName, minLength: 1 },
  )

  it('answers whenever any does, and each link has a rank', () => {
    fc.assert(
      fc.property(links, (some) => {
        expect([...rankLinks(some)].sort()).toEqual(some.map(({ interfaceName }) => interfaceName).sort())
        const chosen = some.find(({ interfaceName }) => interfaceName === carrier(...some))
        expect(chosen?.up).toBe(some.some(({ up }) => up))
      }),
    )
  })

  it('does not change again while nothing else does', () => {
    fc.assert(
      fc.property(links, (some) => {
        const first = carrier(...some)
        const after = some.map((each) => ({ ...each, carries: each.interfaceName === first }))
        expect(carrier(...after)).toBe(first)
      }),
    )
  })
})

describe('an outgoing link', () => {
  const unused: OutgoingLink = { now: 10_000, since: 0, up: true, carries: false, otherCarries: false }

  it.each<[boolean, string, Partial<OutgoingLink>]>([
    [true, 'is closed when neither end sends by it', {}],
    [false, 'stays while this end sends by it', { carries: true }],
    [false, 'stays while the other end sends by it', { otherCarries: true }],
    [true, 'is closed when the other end is silent, whatever it said last', { up: false, otherCarries: true }],
    [false, 'stays while it is the only way', { up: false, carries: true }],
    [false, 'stays for what is under way', { now: 1500 }],
    [true, 'is closed after ten minutes in any case', { now: 600_000, carries: true, otherCarries: true }],
    [true, 'is closed when the other end was never heard', { up: false, otherCarries: undefined }],
  ])('%s: %s', (due, _, change) => {
    expect(closingDue({ ...unused, ...change })).toBe(due)
  })
})
