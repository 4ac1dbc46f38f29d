import { SocketAddress } from 'node:net'
import { isFailure } from '@trellis/foundation/failure'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contains, familyOf, hostCidr, overlap, parseCidr, parseIpAddress } from './address.ts'

describe('addresses', () => {
  it('prints IPv6 as the operating system does', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const { address } = new SocketAddress({ address: text, family: 'ipv6' })
        // The one difference: addresses that hold an IPv4 one are printed in plain hex.
        fc.pre(!address.includes('.'))
        expect(parseIpAddress(text)).toBe(address)
      }),
    )
  })

  it('reads its own print', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        expect(parseIpAddress(parseIpAddress(text))).toBe(parseIpAddress(text))
      }),
    )
  })

  it.each([
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['10.1.2.3', '10.1.2.3/32'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['FD00:0:0:0:1:2:3:4/64', 'fd00::/64'],
    ['::1', '::1/128'],
    ['::ffff:1.2.3.4/128', '::ffff:102:304/128'],
    ['1:0:0:2:0:0:0:3/128', '1:0:0:2::3/128'],
  ])('reads the network %s as %s', (text, canonical) => {
    expect(parseCidr(text)).toBe(canonical)
  })

  it.each(['', '/', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/8/8', '10.0.0/8', 'fe80::1%eth0/64', 'fd00::/129', 'x/8'])(
    'refuses the network %j by its field',
    (text) => {
      expect(() => parseCidr(text, 'networks.pods[0]')).toThrow(
        expect.objectContaining({ kind: 'Invalid', field: 'networks.pods[0]', remedy: expect.any(String) }),
      )
    },
  )

  it('never fails otherwise than by refusing', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        for (const parse of [parseCidr, parseIpAddress]) {
          try {
            parse(text)
          } catch (error) {
            if (!isFailure(error, 'Invalid')) throw error
          }
        }
      }),
    )
  })

  it('knows what overlaps and what contains', () => {
    const [wide, narrow, other] = [parseCidr('10.0.0.0/8'), parseCidr('10.250.0.0/16'), parseCidr('100.64.0.0/16')]
    expect([overlap(wide, narrow), overlap(narrow, wide), overlap(wide, other)]).toEqual([true, true, false])
    expect([contains(wide, narrow), contains(narrow, wide), contains(wide, wide)]).toEqual([true, false, true])
    expect(overlap(parseCidr('0.0.0.0/0'), parseCidr('::/0'))).toBe(false)
    expect(familyOf(hostCidr(parseIpAddress('fd00::1')))).toBe(6)
  })
})
