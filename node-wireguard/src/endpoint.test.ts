import { isFailure } from '@trellis/foundation/failure'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatEndpoint, parseEndpoint, parseResolvedEndpoint, resolveEndpoint } from './endpoint.ts'

describe('endpoints', () => {
  it.each([
    ['192.0.2.1:51820', { host: '192.0.2.1', port: 51_820 }],
    ['[2001:DB8::1]:1', { host: '2001:db8::1', port: 1 }],
    ['vpn.example.org:65535', { host: 'vpn.example.org', port: 65_535 }],
    ['front-door:1', { host: 'front-door', port: 1 }],
  ])('reads %s', (text, endpoint) => {
    expect(parseEndpoint(text)).toEqual(endpoint)
    expect(parseEndpoint(formatEndpoint(parseEndpoint(text)))).toEqual(endpoint)
  })

  it.each([
    '',
    'host',
    'host:',
    ':1',
    'host:0',
    'host:65536',
    '2001:db8::1:1',
    '[x]:1',
    '1.2.3:1',
    '300.1.1.1:1',
    'a b:1',
  ])('refuses %j by its field', (text) => {
    expect(() => parseEndpoint(text, 'peer.endpoint')).toThrow(
      expect.objectContaining({ kind: 'Invalid', field: 'peer.endpoint' }),
    )
  })

  it('never fails otherwise than by refusing', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseEndpoint(text)
        } catch (error) {
          if (!isFailure(error, 'Invalid')) throw error
        }
      }),
    )
  })

  it('drops the zone of an address that a device reports', () => {
    expect(parseResolvedEndpoint('[fe80::1%eth0]:7')).toEqual({ host: 'fe80::1', port: 7 })
  })

  it('resolves names only', async () => {
    const never = () => Promise.reject(new TypeError('asked for an address'))
    expect(await resolveEndpoint(parseEndpoint('192.0.2.1:1'), never)).toEqual([{ host: '192.0.2.1', port: 1 }])
    const both = async () => ['192.0.2.7', '2001:db8::7']
    expect(await resolveEndpoint(parseEndpoint('door:1'), both)).toEqual([
      { host: '192.0.2.7', port: 1 },
      { host: '2001:db8::7', port: 1 },
    ])
  })

  it('says which name does not resolve', async () => {
    const door = parseEndpoint('door:1')
    await expect(resolveEndpoint(door, async () => [])).rejects.toMatchObject({ kind: 'Unavailable' })
    await expect(resolveEndpoint(door, () => Promise.reject(new TypeError('no server')))).rejects.toThrow('door')
  })
})
