import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { configurations } from '../testing/arbitrary.ts'
import { createMemoryDevice } from '../testing/memory-device.ts'
import { parseIpAddress } from './address.ts'
import { difference } from './difference.ts'

describe('the difference between a device and a configuration', () => {
  it('leads from any configuration to any other, and then there is none', async () => {
    await fc.assert(
      fc.asyncProperty(configurations, configurations, async (before, wanted) => {
        const device = createMemoryDevice()
        await device.apply(before)
        await device.apply(wanted)
        const state = await device.read()
        expect(difference(state, wanted)).toEqual([])
        expect(new Set(state.peers.map(({ publicKey }) => publicKey))).toEqual(
          new Set(wanted.peers.map(({ publicKey }) => publicKey)),
        )
        for (const peer of wanted.peers) {
          const found = state.peers.find(({ publicKey }) => publicKey === peer.publicKey)
          expect(new Set(found?.allowedAddresses)).toEqual(new Set(peer.allowedAddresses))
          expect(found?.presharedKey).toBe(peer.presharedKey)
        }
      }),
    )
  })

  it('never repeats a port and never touches an endpoint that is not configured', async () => {
    await fc.assert(
      fc.asyncProperty(configurations, configurations, async (before, wanted) => {
        const device = createMemoryDevice()
        await device.apply(before)
        const learned = { host: parseIpAddress('203.0.113.9'), port: 4242 }
        for (const { publicKey } of before.peers) device.hear(publicKey, { endpoint: learned })
        const { listenPort } = await device.read()
        const operations = difference(await device.read(), wanted)
        for (const operation of operations) {
          if (operation.kind === 'set-listen-port') expect(operation.listenPort).not.toBe(listenPort)
          if (operation.kind === 'change-peer') {
            const peer = wanted.peers.find(({ publicKey }) => publicKey === operation.publicKey)
            expect(operation.endpoint).toEqual(peer?.endpoint)
          }
        }
      }),
    )
  })

  it('sends a network that is new by itself, and the whole set only when one has to go', async () => {
    const device = createMemoryDevice()
    const [sample] = fc.sample(
      configurations.filter(({ peers }) => (peers[0]?.allowedAddresses.length ?? 0) > 1),
      1,
    )
    const peer = sample?.peers[0]
    if (sample === undefined || peer === undefined) throw new TypeError('no sample')
    const few = { ...sample, peers: [{ ...peer, allowedAddresses: peer.allowedAddresses.slice(1) }] }
    const all = { ...sample, peers: [peer] }
    await device.apply(few)
    expect(difference(await device.read(), all)).toEqual([
      {
        kind: 'change-peer',
        publicKey: peer.publicKey,
        allowedAddresses: {
          all: peer.allowedAddresses,
          added: peer.allowedAddresses.slice(0, 1),
          replace: false,
        },
      },
    ])
    await device.apply(all)
    expect(difference(await device.read(), few)).toMatchObject([{ allowedAddresses: { replace: true, added: [] } }])
  })

  it.each([
    ['listenPort', { listenPort: 65_536 }],
    ['listenPort', { listenPort: 1.5 }],
    ['firewallMark', { firewallMark: -1 }],
  ])('refuses a bad %s', (field, change) => {
    const [sample] = fc.sample(configurations, 1)
    if (sample === undefined) throw new TypeError('no sample')
    expect(() => difference({ listenPort: 0, firewallMark: 0, peers: [] }, { ...sample, ...change })).toThrow(
      expect.objectContaining({ kind: 'Invalid', field }),
    )
  })
})
