import fc from 'fast-check'
import { type Cidr, parseCidr, parseIpAddress } from '../src/address.ts'
import type { DeviceConfiguration, DeviceState, PeerConfiguration, PeerState } from '../src/device.ts'
import { parsePresharedKey, parsePrivateKey, parsePublicKey, publicKeyOf } from '../src/key.ts'

const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('base64'))
const zero = Buffer.alloc(32).toString('base64')

/** Any private key. */
export const privateKeys = key.map((text) => parsePrivateKey(text))
/** Any public key: 32 bytes that need not belong to a private one. */
export const publicKeys = key.map((text) => parsePublicKey(text))
/** Any preshared key but the one that means none. */
export const presharedKeys = key.filter((text) => text !== zero).map((text) => parsePresharedKey(text))
/** Any address. */
export const ipAddresses = fc.oneof(fc.ipV4(), fc.ipV6()).map((text) => parseIpAddress(text))
/** Any network. */
export const networks: fc.Arbitrary<Cidr> = fc.oneof(
  fc.tuple(fc.ipV4(), fc.nat(32)).map(([address, length]) => parseCidr(`${address}/${length}`)),
  fc.tuple(fc.ipV6(), fc.nat(128)).map(([address, length]) => parseCidr(`${address}/${length}`)),
)
const endpoints = fc.record({ host: ipAddresses, port: fc.integer({ min: 1, max: 65_535 }) })

/** Keys and networks from a small stock, so that two configurations have some in common. */
const fewNetworks = fc.uniqueArray(
  fc.nat(7).map((number) => parseCidr(`10.${number}.0.0/16`)),
  { maxLength: 4 },
)
const fewKeys = fc.nat(4).map((number) => parsePublicKey(Buffer.alloc(32, number + 1).toString('base64')))
const fewPreshared = fc.nat(2).map((number) => parsePresharedKey(Buffer.alloc(32, number + 9).toString('base64')))

const fewPeers: fc.Arbitrary<PeerConfiguration> = fc.record(
  {
    publicKey: fewKeys,
    presharedKey: fewPreshared,
    endpoint: fc.record({ host: fc.constant(parseIpAddress('192.0.2.1')), port: fc.integer({ min: 1, max: 3 }) }),
    persistentKeepaliveSeconds: fc.nat(2),
    allowedAddresses: fewNetworks,
  },
  { requiredKeys: ['publicKey', 'allowedAddresses'] },
)

/** Configurations that a device can take, drawn from few keys and networks so that two of them overlap. */
export const configurations: fc.Arbitrary<DeviceConfiguration> = fc.record(
  {
    privateKey: fc.constantFrom(...[1, 2].map((fill) => parsePrivateKey(Buffer.alloc(32, fill).toString('base64')))),
    listenPort: fc.integer({ min: 1, max: 3 }),
    firewallMark: fc.nat(2),
    peers: fc.uniqueArray(fewPeers, { maxLength: 4, selector: (peer) => peer.publicKey }).map(withoutSharedNetworks),
  },
  { requiredKeys: ['privateKey', 'peers'] },
)

/** Any state that a device can report. Handshakes are whole seconds, since not every protocol says more. */
export const states: fc.Arbitrary<DeviceState> = fc
  .record({
    privateKey: fc.option(privateKeys, { nil: undefined }),
    listenPort: fc.nat(65_535),
    firewallMark: fc.nat(0xffff_ffff),
    peers: fc.array(
      fc.record<PeerState>({
        publicKey: publicKeys,
        presharedKey: fc.option(presharedKeys, { nil: undefined }),
        endpoint: fc.option(endpoints, { nil: undefined }),
        persistentKeepaliveSeconds: fc.nat(65_535),
        allowedAddresses: fc.array(networks, { maxLength: 3 }),
        latestHandshake: fc.option(
          fc.integer({ min: 1, max: 4_000_000_000 }).map((seconds) => seconds * 1000),
          { nil: undefined },
        ),
        receivedBytes: fc.nat(),
        sentBytes: fc.nat(),
      }),
      { maxLength: 3 },
    ),
  })
  .map((state) => ({
    ...state,
    publicKey: state.privateKey === undefined ? undefined : publicKeyOf(state.privateKey),
  }))

function withoutSharedNetworks(peers: readonly PeerConfiguration[]): PeerConfiguration[] {
  const taken = new Set<Cidr>()
  return peers.map((peer) => {
    const allowedAddresses = peer.allowedAddresses.filter((cidr) => !taken.has(cidr))
    for (const cidr of allowedAddresses) taken.add(cidr)
    return { ...peer, allowedAddresses }
  })
}
