import type { CommandRunner } from '@trellis/foundation/command'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { createMemoryDevice } from '../../testing/memory-device.ts'
import { parseIpAddress } from '../address.ts'
import type { ResolvedEndpoint } from '../endpoint.ts'
import { generatePrivateKey, publicKeyOf } from '../key.ts'
import { createConfigurator } from './configurator.ts'
import type { TunnelSettings } from './settings.ts'

const random = createSeededRandom('configurator')
const publicKey = publicKeyOf(generatePrivateKey(random))
const door: ResolvedEndpoint = { host: parseIpAddress('198.18.0.10'), port: 51_820 }
const elsewhere: ResolvedEndpoint = { host: parseIpAddress('203.0.113.5'), port: 4242 }

const settings: TunnelSettings = {
  interfaceName: 'wg0',
  implementation: 'automatic',
  privateKey: generatePrivateKey(random),
  peer: { publicKey, endpoint: door, keepaliveSeconds: 25 },
  tunnelAddresses: [parseIpAddress('192.168.123.2')],
  peerAddresses: [parseIpAddress('192.168.123.1')],
  networksBehindPeer: [],
  forwardTo: [],
  probe: { port: 5400, intervalMilliseconds: 500 },
  wireGuardGo: { program: 'wireguard-go', memoryLimitMebibytes: 96 },
}

/** A machine with the interface, on which every command succeeds but a listing of a table. */
const runner: CommandRunner = {
  run: async (program, args) => {
    if (program === 'nft' && args[0] === '--json') return { code: 1, stdout: '', stderr: '' }
    const stdout = args.includes('address') ? JSON.stringify([{ ifname: 'wg0', flags: [], mtu: 1500 }]) : ''
    return { code: 0, stdout, stderr: '' }
  },
}

function open(change: { settings?: TunnelSettings; dial?: ResolvedEndpoint; takenPorts?: readonly number[] } = {}) {
  const device = createMemoryDevice(change.takenPorts)
  const state = { pathUp: false, remembered: undefined as ResolvedEndpoint | undefined }
  const clock = createVirtualClock()
  const life = new AbortController()
  const configurator = createConfigurator({
    clock,
    random: createSeededRandom('pauses'),
    log: createSilentLog(),
    runner,
    settings: change.settings ?? settings,
    device,
    dial: { current: () => change.dial, next() {}, refresh: async () => {} },
    maximumTransmissionUnit: 1420,
    pathUp: () => state.pathUp,
    remembered: () => state.remembered,
    signal: life.signal,
  })
  const endpoint = async () => (await device.read()).peers[0]?.endpoint
  return { device, state, clock, life, configurator, endpoint }
}

describe('the configurator of a tunnel', () => {
  it('sets the device up and says when that was done', async () => {
    const { configurator, endpoint } = open({ dial: door })
    expect(configurator.problem()).toBeDefined()
    await configurator.start()
    expect(configurator.problem()).toBeUndefined()
    expect(await endpoint()).toEqual(door)
  })

  it('leaves an end that moved where it is while it answers, and dials when it does not', async () => {
    const { configurator, device, state, endpoint } = open({ dial: door })
    await configurator.start()
    device.hear(publicKey, { endpoint: elsewhere })
    state.pathUp = true
    await configurator.restore()
    expect(await endpoint()).toEqual(elsewhere)
    state.pathUp = false
    await configurator.restore()
    expect(await endpoint()).toEqual(door)
  })

  it('tells a device that begins anew where the other end was, though it never dials', async () => {
    const { endpoint: _, ...peer } = settings.peer
    const { configurator, device, state, endpoint } = open({ settings: { ...settings, peer } })
    await configurator.start()
    expect(await endpoint()).toBeUndefined()
    state.remembered = elsewhere
    // Even when the path counts as up still, as in the first moments after a crash.
    state.pathUp = true
    device.forget()
    await configurator.restore()
    expect(await endpoint()).toEqual(elsewhere)
  })

  it('renews the peer, and by a new port only when asked and none is configured', async () => {
    const { configurator, device } = open({ dial: door })
    await configurator.start()
    const kinds = () => device.operations.splice(0).map(({ kind }) => kind)
    kinds()
    await configurator.renewPeer(false)
    expect(kinds()).toEqual(['remove-peer', 'add-peer'])
    const fixed = open({ dial: door, settings: { ...settings, listenPort: 51_820 } })
    await fixed.configurator.start()
    fixed.device.operations.splice(0)
    await fixed.configurator.renewPeer(true)
    expect(fixed.device.operations.map(({ kind }) => kind)).toEqual(['remove-peer', 'add-peer'])
  })

  it('gives up a start that cannot succeed, and keeps trying to restore', async () => {
    const taken = { ...settings, listenPort: 4711 }
    const { configurator, clock, life } = open({ settings: taken, takenPorts: [4711] })
    const start = configurator.start()
    const refused = expect(start).rejects.toMatchObject({ kind: 'Conflict' })
    await clock.advance(60_000)
    await refused
    expect(configurator.problem()).toContain('port')
    let settled = false
    const restoring = configurator.restore().then(() => {
      settled = true
    })
    await clock.advance(600_000)
    expect(settled).toBe(false)
    life.abort()
    await restoring
  })
})
