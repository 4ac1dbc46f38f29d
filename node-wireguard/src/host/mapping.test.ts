import { isFailure } from '@trellis/foundation/failure'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressSpan, type Cidr, contains, familyOf, overlap, parseCidr } from '../address.ts'
import { mapNetworks } from './mapping.ts'

const cidrs = (...texts: readonly string[]) => texts.map((text) => parseCidr(text))
const pools = cidrs('242.0.0.0/8', 'fd99::/32')

const networks: fc.Arbitrary<Cidr> = fc.oneof(
  fc.tuple(fc.ipV4(), fc.integer({ min: 10, max: 32 })).map(([address, length]) => parseCidr(`${address}/${length}`)),
  fc.tuple(fc.ipV6(), fc.integer({ min: 40, max: 128 })).map(([address, length]) => parseCidr(`${address}/${length}`)),
)

describe('other names for networks', () => {
  it('are of the same family and length, apart from each other and from what is taken, and out of the pools', () => {
    fc.assert(
      fc.property(
        fc.array(networks, { maxLength: 8 }),
        fc.array(
          fc.nat(255).map((number) => parseCidr(`242.${number}.0.0/20`)),
          { maxLength: 4 },
        ),
        (wanted, taken) => {
          try {
            const mappings = mapNetworks({ networks: wanted, pools, taken })
            expect(new Set(mappings.map(({ real }) => real))).toEqual(new Set(wanted))
            for (const [index, { real, mapped }] of mappings.entries()) {
              expect(familyOf(mapped)).toBe(familyOf(real))
              expect(addressSpan(mapped).length).toBe(addressSpan(real).length)
              expect(pools.some((pool) => contains(pool, mapped))).toBe(true)
              const others = [...taken, ...mappings.slice(0, index).map((other) => other.mapped)]
              expect(others.filter((other) => overlap(other, mapped))).toEqual([])
            }
          } catch (error) {
            if (!isFailure(error, 'Invalid')) throw error
            expect(error.field).toBe('networks')
          }
        },
      ),
    )
  })

  it('do not depend on the order of the networks', () => {
    fc.assert(
      fc.property(fc.uniqueArray(networks, { maxLength: 6 }), (wanted) => {
        const told = (order: readonly Cidr[]) => {
          try {
            return mapNetworks({ networks: order, pools })
          } catch {
            return 'no room'
          }
        }
        expect(told([...wanted].reverse())).toEqual(told(wanted))
      }),
    )
  })

  it('fill a pool to the brim', () => {
    const wanted = cidrs('10.1.0.0/26', '10.0.0.0/25', '10.2.0.0/26')
    expect(mapNetworks({ networks: wanted, pools: cidrs('244.0.0.0/24') })).toEqual([
      { real: '10.0.0.0/25', mapped: '244.0.0.0/25' },
      { real: '10.1.0.0/26', mapped: '244.0.0.128/26' },
      { real: '10.2.0.0/26', mapped: '244.0.0.192/26' },
    ])
  })

  it.each([
    ['10.0.0.0/8', '244.0.0.0/24'],
    ['fd00::/64', '244.0.0.0/8'],
  ])('are refused when %s does not fit into %s', (network, pool) => {
    expect(() => mapNetworks({ networks: cidrs(network), pools: cidrs(pool) })).toThrow(
      expect.objectContaining({ kind: 'Invalid', field: 'networks' }),
    )
  })
})
