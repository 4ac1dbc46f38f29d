import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { createMemoryDevice } from '../../../testing/memory-device.ts'
import { parseCidr, parseIpAddress } from '../../address.ts'
import type { DeviceConfiguration } from '../../device.ts'
import type { ResolvedEndpoint } from '../../endpoint.ts'
import { generatePrivateKey, publicKeyOf } from '../../key.ts'
import { createDeviceUpkeep } from './upkeep.ts'

const random = createSeededRandom('upkeep')
const publicKey = publicKeyOf(generatePrivateKey(random))
const door: ResolvedEndpoint = { host: parseIpAddress('198.18.0.10'), port: 51_820 }
const elsewhere: ResolvedEndpoint = { host: parseIpAddress('203.0.113.5'), port: 4242 }

const settings: DeviceConfiguration = {
  privateKey: generatePrivateKey(random),
  peers: [{ publicKey, persistentKeepaliveSeconds: 25, allowedAddresses: [parseCidr('192.168.123.1')] }],
}

function open(
  change: { settings?: DeviceConfiguration; dial?: ResolvedEndpoint; takenPorts?: readonly number[] } = {},
) {
  const device = createMemoryDevice(change.takenPorts)
  const state = { pathUp: false, remembered: undefined as ResolvedEndpoint | undefined }
  const clock = createVirtualClock()
  const life = new AbortController()
  const whole = change.settings ?? settings
  const upkeep = createDeviceUpkeep({
    clock,
    random: createSeededRandom('pauses'),
    log: createSilentLog(),
    device,
    wanted: (endpoint) => ({ ...whole, peers: whole.peers.map((peer) => ({ ...peer, endpoint })) }),
    dialled: () => change.dial,
    pathUp: () => state.pathUp,
    remembered: () => state.remembered,
    signal: life.signal,
  })
  const endpoint = async () => (await device.read()).peers[0]?.endpoint
  return { device, state, clock, life, upkeep, endpoint }
}

describe('the upkeep of a device', () => {
  it('sets the device up and says when that was done', async () => {
    const { upkeep, endpoint } = open({ dial: door })
    expect(upkeep.problem()).toBeDefined()
    await upkeep.start()
    expect(upkeep.problem()).toBeUndefined()
    expect(await endpoint()).toEqual(door)
  })

  it('leaves an end that moved where it is while it answers, and dials when it does not', async () => {
    const { upkeep, device, state, endpoint } = open({ dial: door })
    await upkeep.start()
    device.hear(publicKey, { endpoint: elsewhere })
    state.pathUp = true
    await upkeep.restore()
    expect(await endpoint()).toEqual(elsewhere)
    state.pathUp = false
    await upkeep.restore()
    expect(await endpoint()).toEqual(door)
  })

  it('tells a device that begins anew where the other end was, though it never dials', async () => {
    const { upkeep, device, state, endpoint } = open()
    await upkeep.start()
    expect(await endpoint()).toBeUndefined()
    state.remembered = elsewhere
    // Even when the path counts as up still, as in the first moments after a crash.
    state.pathUp = true
    device.forget()
    await upkeep.restore()
    expect(await endpoint()).toEqual(elsewhere)
  })

  it('renews the peer, and by a new port only when asked and none is configured', async () => {
    const { upkeep, device } = open({ dial: door })
    await upkeep.start()
    const kinds = () => device.operations.splice(0).map(({ kind }) => kind)
    kinds()
    await upkeep.renewPeer(false)
    expect(kinds()).toEqual(['remove-peer', 'add-peer'])
    const fixed = open({ dial: door, settings: { ...settings, listenPort: 51_820 } })
    await fixed.upkeep.start()
    fixed.device.operations.splice(0)
    await fixed.upkeep.renewPeer(true)
    expect(fixed.device.operations.map(({ kind }) => kind)).toEqual(['remove-peer', 'add-peer'])
  })

  it('gives up a start that cannot succeed, and keeps trying to restore', async () => {
    const taken = { ...settings, listenPort: 4711 }
    const { upkeep, clock, life } = open({ settings: taken, takenPorts: [4711] })
    const start = upkeep.start()
    const refused = expect(start).rejects.toMatchObject({ kind: 'Conflict' })
    await clock.advance(60_000)
    await refused
    expect(upkeep.problem()).toContain('port')
    // The first try fails at once; those that follow go on until the end.
    await upkeep.restore()
    await clock.advance(600_000)
    expect(upkeep.problem()).toContain('port')
    life.abort()
    await upkeep.idle()
  })
})
