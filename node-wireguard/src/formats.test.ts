import { isFailure } from '@trellis/foundation/failure'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { configurations, states } from '../testing/arbitrary.ts'
import { parseConfigurationText, printConfigurationText } from './configuration-text.ts'
import type { DeviceState } from './device.ts'
import { formatEndpoint } from './endpoint.ts'
import { keyToHex, parsePublicKey } from './key.ts'
import { encodeSet, parseAnswer, parseState, refusalOf } from './uapi-protocol.ts'
import { parseDump, printDump } from './wg-dump.ts'

/** What a device answers to `get`. */
function printState(state: DeviceState): string[] {
  const lines = [`listen_port=${state.listenPort}`, `fwmark=${state.firewallMark}`, 'something_new=1']
  if (state.privateKey !== undefined) lines.unshift(`private_key=${keyToHex(state.privateKey)}`)
  for (const peer of state.peers) {
    const handshake = (peer.latestHandshake ?? 0) / 1000
    lines.push(
      `public_key=${keyToHex(peer.publicKey)}`,
      `preshared_key=${peer.presharedKey === undefined ? '0'.repeat(64) : keyToHex(peer.presharedKey)}`,
      'protocol_version=1',
      ...(peer.endpoint === undefined ? [] : [`endpoint=${formatEndpoint(peer.endpoint)}`]),
      `last_handshake_time_sec=${handshake}`,
      'last_handshake_time_nsec=0',
      `tx_bytes=${peer.sentBytes}`,
      `rx_bytes=${peer.receivedBytes}`,
      `persistent_keepalive_interval=${peer.persistentKeepaliveSeconds}`,
      ...peer.allowedAddresses.map((cidr) => `allowed_ip=${cidr}`),
    )
  }
  return lines
}

/** Damages a text: drops, doubles or replaces a piece of it. */
const damage = fc
  .tuple(fc.nat(), fc.nat(20), fc.string({ maxLength: 12 }))
  .map(([at, length, put]) => (text: string) => {
    const start = text.length === 0 ? 0 : at % text.length
    return text.slice(0, start) + put + text.slice(start + length)
  })

function onlyRefuses(parse: (text: string) => unknown, text: string): void {
  try {
    parse(text)
  } catch (error) {
    if (!isFailure(error, 'Invalid')) throw error
  }
}

const readers: readonly (readonly [string, (state: DeviceState) => string, (text: string) => DeviceState])[] = [
  ['the answer of a device', (state) => printState(state).join('\n'), (text) => parseState(text.split('\n'))],
  ['the dump of wg', printDump, parseDump],
]

describe.each(readers)('%s', (_, print, parse) => {
  it('is read back whole', () => {
    fc.assert(
      fc.property(states, (state) => {
        expect(parse(print(state))).toEqual(state)
      }),
    )
  })

  it('is refused, never half read or crashed on, when damaged', () => {
    fc.assert(fc.property(states, damage, (state, harm) => onlyRefuses(parse, harm(print(state)))))
    fc.assert(fc.property(fc.string(), (text) => onlyRefuses(parse, text)))
  })

  it('never shows a secret in a refusal', () => {
    fc.assert(
      fc.property(states, damage, (state, harm) => {
        try {
          parse(harm(print(state)))
        } catch (error) {
          const { privateKey } = state
          if (!isFailure(error) || privateKey === undefined) return
          expect(error.message).not.toContain(privateKey.slice(8, 30))
          expect(error.message).not.toContain(keyToHex(privateKey).slice(8, 40))
        }
      }),
    )
  })
})

describe('a configuration file', () => {
  it('is read back whole', () => {
    fc.assert(
      fc.property(configurations, (configuration) => {
        expect(parseConfigurationText(printConfigurationText(configuration))).toEqual(configuration)
      }),
    )
  })

  it('is refused, never crashed on, when damaged', () => {
    fc.assert(
      fc.property(configurations, damage, (configuration, harm) =>
        onlyRefuses(parseConfigurationText, harm(printConfigurationText(configuration))),
      ),
    )
    fc.assert(fc.property(fc.string(), (text) => onlyRefuses(parseConfigurationText, text)))
  })

  it('may be written in any case, with comments and white space anywhere', () => {
    const key = Buffer.alloc(32, 7).toString('base64')
    const text = `
      # a comment
      [ INTERFACE ]
      listen port = 51 820 # ten times
      FWMARK = off
      [peer]
      publickey=${key}
      AllowedIPs = 10.1.2.3/8 , fd00::/64
      AllowedIPs = 192.168.0.1
      Endpoint = vpn.example.org:51820
      PersistentKeepalive = off
      [Peer]
      PublicKey = ${key}
      AllowedIPs = 10.0.0.0/8, 172.16.0.0/12
    `
    expect(parseConfigurationText(text)).toEqual({
      listenPort: 51_820,
      firewallMark: 0,
      peers: [
        {
          publicKey: key,
          endpoint: { host: 'vpn.example.org', port: 51_820 },
          persistentKeepaliveSeconds: 0,
          allowedAddresses: ['10.0.0.0/8', 'fd00::/64', '192.168.0.1/32', '172.16.0.0/12'],
        },
      ],
    })
  })

  it.each([
    ['line 1', 'ListenPort = 1'],
    ['line 2', '[Interface]\nAddress = 10.0.0.1/24'],
    ['line 2', '[Interface]\nListenPort = 65536'],
    ['line 2', '[Interface]\n[Interface]'],
    ['line 1', '[Peer]\nAllowedIPs = 10.0.0.0/8'],
    ['line 3', `[Peer]\nPublicKey = ${Buffer.alloc(32, 7).toString('base64')}\nAllowedIPs = 10.0.0.0/99`],
    ['line 2', '[Peer]\nPublicKey = short'],
    ['line 2', '[Interface]\nnonsense'],
  ])('names %s of %j', (field, text) => {
    expect(() => parseConfigurationText(text)).toThrow(expect.objectContaining({ kind: 'Invalid', field }))
  })
})

describe('a request to a device', () => {
  const publicKey = parsePublicKey('07'.repeat(32))

  it('says only what changes', () => {
    expect(
      encodeSet([
        { kind: 'remove-peer', publicKey },
        { kind: 'change-peer', publicKey, presharedKey: 'none' },
        { kind: 'change-peer', publicKey, persistentKeepaliveSeconds: 0 },
      ]),
    ).toBe(
      [
        'set=1',
        `public_key=${'07'.repeat(32)}`,
        'remove=true',
        `public_key=${'07'.repeat(32)}`,
        'update_only=true',
        `preshared_key=${'0'.repeat(64)}`,
        `public_key=${'07'.repeat(32)}`,
        'update_only=true',
        'persistent_keepalive_interval=0',
        '\n',
      ].join('\n'),
    )
  })

  it.each([
    [0, undefined],
    [-98, { kind: 'Conflict', errno: 98 }],
    [-22, { kind: 'Invalid', errno: 22 }],
    [-5, { kind: 'Unavailable', errno: 5 }],
    [-55, { kind: 'Unavailable', errno: 55 }],
  ])('that is answered with errno %i is %j', (errno, failure) => {
    const refusal = refusalOf(errno)
    if (failure === undefined) expect(refusal).toBeUndefined()
    else expect(refusal).toMatchObject(failure)
  })

  it('is answered by lines and an error number', () => {
    expect(parseAnswer('a=1\nerrno=-22\n\n')).toEqual({ lines: ['a=1'], errno: -22 })
    expect(() => parseAnswer('a=1\n\n')).toThrow('instead of an error number')
  })
})
