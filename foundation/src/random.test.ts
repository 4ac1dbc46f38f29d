import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSeededRandom, createSystemRandom } from './random.ts'

describe('random', () => {
  it('repeats itself for the same seed', () => {
    const draw = (seed: string) => createSeededRandom(seed).text(40)
    expect(draw('a')).toBe(draw('a'))
    expect(draw('a')).not.toBe(draw('b'))
  })

  it('gives children that draws of the parent do not disturb', () => {
    const first = createSeededRandom('seed')
    const second = createSeededRandom('seed')
    second.text(100)
    expect(second.child('machine').text(20)).toBe(first.child('machine').text(20))
    expect(first.child('other').text(20)).not.toBe(first.child('machine').text(20))
  })

  it('stays below the limit', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 2 ** 31 }), (seed, limit) => {
        const drawn = createSeededRandom(seed).integer(limit)
        return Number.isInteger(drawn) && drawn >= 0 && drawn < limit
      }),
    )
  })

  it('spreads evenly over an alphabet that does not divide the range', () => {
    const text = createSeededRandom('even').text(36_000)
    const counts = new Map<string, number>()
    for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1)
    expect(counts.size).toBe(36)
    expect(Math.min(...counts.values())).toBeGreaterThan(850)
    expect(Math.max(...counts.values())).toBeLessThan(1150)
  })

  it('never repeats itself when it comes from the system', () => {
    const random = createSystemRandom()
    const drawn = new Set(Array.from({ length: 1000 }, () => random.text(16)))
    expect(drawn.size).toBe(1000)
    expect(random.bytes(32)).toHaveLength(32)
  })
})
