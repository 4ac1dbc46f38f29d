import { createSeededRandom } from '@trellis/foundation/random'
import { describe, expect, it } from 'vitest'
import { parseCidr, parseIpAddress } from '../src/address.ts'
import type { DeviceConfiguration, PeerConfiguration, WireGuardDevice } from '../src/device.ts'
import { generatePresharedKey, generatePrivateKey, publicKeyOf } from '../src/key.ts'

/** A device under test, and what has to be undone after it. */
export interface DeviceUnderTest extends AsyncDisposable {
  readonly device: WireGuardDevice
  /** A UDP port that somebody else holds where the device lives. */
  readonly takenPort: number
  /** A UDP port that is free there. */
  readonly freePort: number
}

const random = createSeededRandom('device-conformance')
const privateKey = generatePrivateKey(random)
const [keyOne, keyTwo] = [publicKeyOf(generatePrivateKey(random)), publicKeyOf(generatePrivateKey(random))]
const presharedKey = generatePresharedKey(random)
const networks = (...texts: readonly string[]) => texts.map((text) => parseCidr(text))

const one: PeerConfiguration = {
  publicKey: keyOne,
  presharedKey,
  endpoint: { host: parseIpAddress('192.0.2.1'), port: 51_820 },
  persistentKeepaliveSeconds: 25,
  allowedAddresses: networks('10.0.0.0/8', 'fd00::/64'),
}
const two: PeerConfiguration = { publicKey: keyTwo, allowedAddresses: networks('172.16.0.0/12') }

/** The law that every implementation of a device obeys. `open` gives a fresh device without configuration. */
export function describeDevice(name: string, open: () => Promise<DeviceUnderTest>): void {
  const shape = (configuration: DeviceConfiguration) => ({
    privateKey: configuration.privateKey,
    listenPort: configuration.listenPort,
    peers: new Map(
      configuration.peers.map((peer) => [
        peer.publicKey,
        {
          presharedKey: peer.presharedKey,
          endpoint: peer.endpoint,
          keepalive: peer.persistentKeepaliveSeconds ?? 0,
          allowed: new Set(peer.allowedAddresses),
        },
      ]),
    ),
  })
  const shapeNow = async (device: WireGuardDevice) => {
    const state = await device.read()
    if (state.privateKey === undefined) return undefined
    return shape({ privateKey: state.privateKey, listenPort: state.listenPort, peers: state.peers })
  }

  describe(name, () => {
    it('is blank at first', async () => {
      await using under = await open()
      const state = await under.device.read()
      expect(state.privateKey).toBeUndefined()
      expect(state.peers).toEqual([])
    })

    it('becomes what it is told, and a repeat changes nothing', async () => {
      await using under = await open()
      const wanted = { privateKey, listenPort: under.freePort, peers: [one, two] }
      const { changes } = await under.device.apply(wanted)
      expect(changes.map(({ kind }) => kind)).toEqual(['set-private-key', 'set-listen-port', 'add-peer', 'add-peer'])
      expect(await shapeNow(under.device)).toEqual(shape(wanted))
      expect((await under.device.read()).publicKey).toBe(publicKeyOf(privateKey))
      expect(await under.device.apply(wanted)).toEqual({ changes: [] })
    })

    it('takes away what is no longer wanted', async () => {
      await using under = await open()
      const before = { privateKey, listenPort: under.freePort, peers: [one, two] }
      await under.device.apply(before)
      const { endpoint } = one
      const wanted = {
        ...before,
        peers: [{ publicKey: keyOne, endpoint, allowedAddresses: networks('10.0.0.0/8') }],
      }
      const { changes } = await under.device.apply(wanted)
      expect(changes).toEqual([
        { kind: 'remove-peer', publicKey: keyTwo },
        { kind: 'change-peer', publicKey: keyOne },
      ])
      expect(await shapeNow(under.device)).toEqual(shape(wanted))
    })

    it('adds networks to a peer and moves one between peers', async () => {
      await using under = await open()
      await under.device.apply({ privateKey, listenPort: under.freePort, peers: [one, two] })
      const wanted = {
        privateKey,
        listenPort: under.freePort,
        peers: [
          { ...one, allowedAddresses: networks('fd00::/64') },
          { ...two, allowedAddresses: networks('172.16.0.0/12', '10.0.0.0/8', '192.168.0.0/16') },
        ],
      }
      await under.device.apply(wanted)
      expect(await shapeNow(under.device)).toEqual(shape(wanted))
    })

    it('keeps the endpoint that it knows when none is configured', async () => {
      await using under = await open()
      await under.device.apply({ privateKey, listenPort: under.freePort, peers: [one] })
      const { endpoint, ...dialled } = one
      expect(await under.device.apply({ privateKey, listenPort: under.freePort, peers: [dialled] })).toEqual({
        changes: [],
      })
      expect((await under.device.read()).peers[0]?.endpoint).toEqual(endpoint)
    })

    it('keeps its port when none is configured', async () => {
      await using under = await open()
      await under.device.apply({ privateKey, listenPort: under.freePort, peers: [one] })
      await under.device.apply({ privateKey, peers: [one, two] })
      expect((await under.device.read()).listenPort).toBe(under.freePort)
    })

    it('takes an endpoint of either family and a new key', async () => {
      await using under = await open()
      await under.device.apply({ privateKey, listenPort: under.freePort, peers: [one] })
      const wanted = {
        privateKey: generatePrivateKey(createSeededRandom('another')),
        listenPort: under.freePort,
        peers: [{ ...one, endpoint: { host: parseIpAddress('2001:db8::1'), port: 1 } }],
      }
      await under.device.apply(wanted)
      expect(await shapeNow(under.device)).toEqual(shape(wanted))
    })

    it('refuses itself as a peer, and a network given twice, without changing anything', async () => {
      await using under = await open()
      const self = { ...two, publicKey: publicKeyOf(privateKey) }
      await expect(under.device.apply({ privateKey, peers: [self] })).rejects.toMatchObject({
        kind: 'Invalid',
        field: 'peers[0].publicKey',
      })
      const rival = { ...two, allowedAddresses: one.allowedAddresses }
      await expect(under.device.apply({ privateKey, peers: [one, rival] })).rejects.toMatchObject({
        kind: 'Invalid',
        field: 'peers[1].allowedAddresses',
      })
      expect((await under.device.read()).privateKey).toBeUndefined()
    })

    it('says so when the port is taken, and recovers', async () => {
      await using under = await open()
      await expect(under.device.apply({ privateKey, listenPort: under.takenPort, peers: [] })).rejects.toMatchObject({
        kind: expect.stringMatching(/Conflict|Unavailable/),
      })
      const wanted = { privateKey, listenPort: under.freePort, peers: [one] }
      await under.device.apply(wanted)
      expect(await shapeNow(under.device)).toEqual(shape(wanted))
    })
  })
}
