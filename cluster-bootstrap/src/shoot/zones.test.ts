import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type DividedPool, zonesOf } from './zones.ts'

const pool = (change: Partial<DividedPool> = {}): DividedPool => ({
  name: 'pool',
  minimum: 2,
  maximum: 4,
  maxSurge: 1,
  maxUnavailable: 0,
  ...change,
})
const names = (change: Partial<DividedPool>, always: boolean) =>
  zonesOf(pool(change), 'shoot--a--b', always).map(({ machineDeployment }) => machineDeployment)

describe('the parts of a pool', () => {
  it.each([
    { reason: 'no zone', zones: undefined, always: false, expected: ['shoot--a--b-pool'] },
    { reason: 'an empty list', zones: [], always: false, expected: ['shoot--a--b-pool'] },
    { reason: 'one zone', zones: ['a'], always: false, expected: ['shoot--a--b-pool'] },
    { reason: 'one zone of a cloud that has many', zones: ['a'], always: true, expected: ['shoot--a--b-pool-z1'] },
    { reason: 'two', zones: ['a', 'b'], always: false, expected: ['shoot--a--b-pool-z1', 'shoot--a--b-pool-z2'] },
  ])('are called by the number of the zone: $reason', ({ zones, always, expected }) => {
    expect(names(zones === undefined ? {} : { zones }, always)).toEqual(expected)
  })

  it('leave what is left over to the first zones', () => {
    const parts = zonesOf(pool({ zones: ['a', 'b', 'c'], minimum: 4, maximum: 8, maxSurge: 3 }), 's', false)
    expect(parts.map(({ minimum, maximum, maxSurge }) => [minimum, maximum, maxSurge])).toEqual([
      [2, 3, 1],
      [1, 3, 1],
      [1, 2, 1],
    ])
  })

  it('keep shares where zones are equal, and weigh them where they are not', () => {
    const shares = (maximum: number) =>
      zonesOf(pool({ zones: ['a', 'b'], maximum, maxSurge: '25%' }), 's', false).map(({ maxSurge }) => maxSurge)
    expect(shares(4)).toEqual(['25%', '25%'])
    expect(shares(3)).toEqual(['34%', '17%'])
  })

  it('can always be replaced: a zone that could do without neither may surge', () => {
    const parts = zonesOf(pool({ zones: ['a', 'b', 'c'] }), 's', false)
    expect(parts.map(({ maxSurge, maxUnavailable }) => [maxSurge, maxUnavailable])).toEqual([
      [1, 0],
      [1, 0],
      [1, 0],
    ])
  })

  it('are the pool again when they are put together', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 7 }),
      fc.integer({ min: 0, max: 50 }),
      fc.integer({ min: 0, max: 50 }),
      (zones, minimum, more) => {
        const whole = pool({
          zones: Array.from({ length: zones }, (_, i) => `z${i}`),
          minimum,
          maximum: minimum + more,
        })
        const parts = zonesOf(whole, 's', false)
        const sum = (of: 'minimum' | 'maximum') => parts.reduce((total, part) => total + part[of], 0)
        expect([sum('minimum'), sum('maximum')]).toEqual([minimum, minimum + more])
        expect(parts.every((part) => part.minimum <= part.maximum)).toBe(true)
      },
    )
    fc.assert(property)
  })
})
