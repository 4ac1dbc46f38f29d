import { createSystemClock } from '@trellis/foundation/clock'
import { createSystemRandom } from '@trellis/foundation/random'
import { describe, expect, it } from 'vitest'
import { eventually } from '../../testing/eventually.ts'
import { startEcho, testProgram } from '../../testing/landscape.ts'
import { type Laboratory, type Namespace, openLaboratory, runnerIn, settingsIn } from '../../testing/namespaces.ts'
import { startUserspaceDevice } from '../../testing/userspace-device.ts'
import { hostCidr, parseCidr, parseIpAddress } from '../address.ts'
import type { DeviceConfiguration, PeerConfiguration, WireGuardDevice } from '../device.ts'
import type { HostConfiguration, HostLink } from '../host/configuration.ts'
import { createHost } from '../host/host.ts'
import { generatePresharedKey, generatePrivateKey, type PresharedKey, type PrivateKey, publicKeyOf } from '../key.ts'
import { type PathState, unknownPath } from '../path/state.ts'
import { presharedKeyPhase } from './preshared-key.ts'
import { replaceLink } from './replace-link.ts'

const clock = createSystemClock()
const random = createSystemRandom()
const behindFar = parseCidr('100.96.0.0/24')
const podAddress = '100.96.0.3'

/** One end, which may have several links. `number` is 1 for the end that listens and 2 for the one that dials. */
interface End {
  readonly number: 1 | 2
  readonly namespace: Namespace
  readonly laboratory: Laboratory
}

const linkName = (end: End, generation: number) => `w${end.laboratory.id}${end.number}g${generation}`
const shared = (number: 1 | 2) => parseIpAddress(`192.168.123.${number}`)
const alone = (number: 1 | 2, generation: number) => parseIpAddress(`fd8f:${generation}::${number}`)
const other = (end: End) => (end.number === 1 ? 2 : 1)

describe('rotation, while packets pass', () => {
  it('has no gap when both ends change their keys, each in its own time, and none when they change the preshared key', async () => {
    await using laboratory = openLaboratory()
    const ends = await buildEnds(laboratory)
    const [near, far] = ends
    const first = await openGeneration(ends, 1)
    for (const end of ends) await hostOf(end).apply(hostWith(end, [1]))
    await eventually('the tunnel', () => connected(near))

    const stream = near.namespace.start(process.execPath, [testProgram('gaps'), podAddress, '7'])
    const gaps: number[] = []
    let rest = ''
    stream.stdout?.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n')
      rest = lines.pop() ?? ''
      gaps.push(...lines.map((line): number => JSON.parse(line).gapMilliseconds))
    })

    // The preshared key, a second apart.
    const presharedKey = generatePresharedKey(random)
    const nearDevice = first.devices[0]
    await nearDevice.apply(deviceWith(near, 1, first.keys, presharedKey))
    await clock.sleep(1000)
    const changedAt = clock.now()
    await first.devices[1].apply(deviceWith(far, 1, first.keys, presharedKey))
    const [before] = (await nearDevice.read()).peers
    expect(presharedKeyPhase(before ?? {}, changedAt, clock.now())).toBe('pending')

    // The private keys: a second link at each end.
    await openGeneration(ends, 2, presharedKey)
    const steps: string[] = []
    const replaced = await Promise.all(
      ends.map(async (end, index) => {
        const path = await probeOf(end, hostWith(end, [1, 2]))
        // The ends do not agree on when.
        await clock.sleep(index * 700)
        return replaceLink({
          ...{ clock, signal: new AbortController().signal, host: hostOf(end), configuration: hostWith(end, [1, 2]) },
          ...{ oldLink: linkName(end, 1), newLink: linkName(end, 2), newPath: path },
          oldDevice: first.devices[index] ?? nearDevice,
          limits: { deadlineMilliseconds: 20_000, drainMilliseconds: 2000 },
          onStep: (step) => steps.push(step),
        })
      }),
    )
    expect(replaced).toEqual(['replaced', 'replaced'])
    expect(steps.sort()).toEqual(['move', 'move', 'retire', 'retire'])
    for (const end of ends) await end.namespace.run('ip', 'link', 'delete', 'dev', linkName(end, 1))
    await clock.sleep(500)

    // The first answer counts from the start of the program.
    const longest = Math.max(...gaps.slice(1))
    process.stdout.write(
      `${JSON.stringify({ rotation: { answers: gaps.length, longestGapMilliseconds: Math.round(longest) } })}\n`,
    )
    expect(gaps.length).toBeGreaterThan(150)
    // A lost session would be silent for seconds.
    expect(longest).toBeLessThan(300)
  })

  it('shows that both ends have the new preshared key once a handshake has used it', async () => {
    await using laboratory = openLaboratory()
    const ends = await buildEnds(laboratory)
    const [near, far] = ends
    const { devices, keys } = await openGeneration(ends, 1)
    for (const end of ends) await hostOf(end).apply(hostWith(end, [1]))
    await eventually('the tunnel', () => connected(near))
    const presharedKey = generatePresharedKey(random)
    await devices[0].apply(deviceWith(near, 1, keys, presharedKey))
    await devices[1].apply(deviceWith(far, 1, keys, presharedKey))
    const changedAt = clock.now()
    const phase = async () => presharedKeyPhase((await devices[1].read()).peers[0] ?? {}, changedAt, clock.now())
    expect(await phase()).toBe('pending')
    // What would happen within two minutes by itself: the end that dials adds its peer anew.
    await devices[1].apply({ ...deviceWith(far, 1, keys, presharedKey), peers: [] })
    await devices[1].apply(deviceWith(far, 1, keys, presharedKey))
    await eventually('agreement', async () => ((await phase()) === 'agreed' ? true : undefined))
  })
})

async function connected(end: End): Promise<true | undefined> {
  const output = await end.namespace.run(process.execPath, testProgram('connect'), podAddress, '7', '5')
  return JSON.parse(output).bytes === 5 ? true : undefined
}

async function buildEnds(laboratory: Laboratory): Promise<[End, End]> {
  const [near, far, pod] = [
    await laboratory.namespace('near'),
    await laboratory.namespace('far'),
    await laboratory.namespace('pod'),
  ]
  await laboratory.cable(
    { in: near, interfaceName: 'out', address: '198.18.0.1/24' },
    { in: far, interfaceName: 'out', address: '198.18.0.2/24' },
  )
  await laboratory.cable(
    { in: far, interfaceName: 'pods', address: '100.96.0.1/24' },
    { in: pod, interfaceName: 'eth0', address: `${podAddress}/24` },
  )
  await startEcho(pod, '0.0.0.0')
  return [
    { number: 1, namespace: near, laboratory },
    { number: 2, namespace: far, laboratory },
  ]
}

/** A pair of devices with keys of their own; the near one listens, the far one dials. */
async function openGeneration(ends: readonly [End, End], generation: number, presharedKey?: PresharedKey) {
  const keys: readonly [PrivateKey, PrivateKey] = [generatePrivateKey(random), generatePrivateKey(random)]
  const open = async (end: End): Promise<WireGuardDevice> => {
    const device = await startUserspaceDevice(end.laboratory, end.namespace, linkName(end, generation))
    await device.apply(deviceWith(end, generation, keys, presharedKey))
    return device
  }
  return { keys, devices: [await open(ends[0]), await open(ends[1])] as const }
}

function deviceWith(
  end: End,
  generation: number,
  keys: readonly [PrivateKey, PrivateKey],
  presharedKey?: PresharedKey,
): DeviceConfiguration {
  const dials = end.number === 2
  const peer: PeerConfiguration = {
    publicKey: publicKeyOf(dials ? keys[0] : keys[1]),
    presharedKey,
    allowedAddresses: [
      ...[shared(other(end)), alone(other(end), generation)].map(hostCidr),
      ...(dials ? [] : [behindFar]),
    ],
    ...(dials ? { endpoint: { host: parseIpAddress('198.18.0.1'), port: 51_820 + generation } } : {}),
    ...(dials ? { persistentKeepaliveSeconds: 1 } : {}),
  }
  return { privateKey: dials ? keys[1] : keys[0], listenPort: 51_820 + generation, peers: [peer] }
}

function hostOf(end: End) {
  return createHost(runnerIn(end.namespace), settingsIn(end.namespace))
}

function hostWith(end: End, generations: readonly number[]): HostConfiguration {
  const links = generations.map(
    (generation): HostLink => ({
      interfaceName: linkName(end, generation),
      maximumTransmissionUnit: 1420,
      addresses: [alone(end.number, generation)],
    }),
  )
  const destinations = [hostCidr(shared(other(end))), ...(end.number === 1 ? [behindFar] : [])]
  return {
    links,
    addresses: [shared(end.number)],
    routes: [
      ...destinations.map((destination) => ({ destination, source: shared(end.number) })),
      ...generations.map((generation) => ({
        destination: hostCidr(alone(other(end), generation)),
        source: alone(end.number, generation),
        interfaceName: linkName(end, generation),
      })),
    ],
    firewall: {
      tableName: 'tunnel',
      probePort: 5400,
      peerAddresses: generations.map((generation) => alone(other(end), generation)),
      forwardTo: end.number === 2 ? [behindFar] : [],
    },
    forwarding: end.number === 2 ? [4] : [],
  }
}

/** Starts probing through the second link, once the host has its addresses. */
async function probeOf(end: End, configuration: HostConfiguration): Promise<() => PathState> {
  await hostOf(end).apply(configuration)
  const addresses = [alone(end.number, 2), alone(other(end), 2)]
  const child = end.namespace.start(process.execPath, [testProgram('probe'), ...addresses, '5400'])
  let state = unknownPath
  let rest = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n')
    rest = lines.pop() ?? ''
    const last = lines.at(-1)
    if (last !== undefined) state = JSON.parse(last)
  })
  return () => state
}
