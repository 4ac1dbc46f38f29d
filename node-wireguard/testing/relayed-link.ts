import { createSystemClock } from '@trellis/foundation/clock'
import { createSilentLog } from '@trellis/foundation/log'
import { createSystemRandom } from '@trellis/foundation/random'
import { hostCidr, parseIpAddress } from '../src/address.ts'
import type { WireGuardDevice } from '../src/device.ts'
import { parseEndpoint } from '../src/endpoint.ts'
import { generatePrivateKey, publicKeyOf } from '../src/key.ts'
import type { PathEvent } from '../src/path/state.ts'
import { startRelayServer } from '../src/relay/server.ts'
import { createTransport, type Transport } from '../src/relay/transport.ts'
import { createDial } from '../src/tunnel/link/dial.ts'
import { eventually } from './eventually.ts'
import { startEcho, testProgram } from './landscape.ts'
import type { Laboratory, Namespace } from './namespaces.ts'
import { relayProgram } from './programs.ts'
import { createRelayCertificates, eachLine, relayServerName } from './relay-ends.ts'
import { relayLauncherIn } from './relay-launch.ts'
import { startUserspaceDevice } from './userspace-device.ts'

const clock = createSystemClock()
const random = createSystemRandom()
const log = createSilentLog()
const port = 51_820
const inside = { near: '192.168.123.1', far: '192.168.123.2' } as const
const outside = { near: '198.18.0.1', far: '198.18.0.2' } as const
const millisecondsBetweenPings = 10

/** An answer to a ping: its number, and the instant at which it came. */
export interface Answer {
  readonly at: number
  readonly sequence: number
}

/** Two namespaces joined by a cable and by a link whose far end dials; pings every 10 ms and a TCP stream go from the far to the near one. */
export interface RelayedLink {
  readonly transport: Transport
  readonly answers: readonly Answer[]
  /** Bytes of the stream that have come back. */
  streamed(): number
  /** Why the stream broke; nothing when it did not. */
  readonly streamProblems: readonly string[]
  /** Drops UDP of the link in one direction or both, until `allowUdp`. */
  blockUdp(direction: 'to near' | 'to far' | 'both'): Promise<void>
  allowUdp(): Promise<void>
  /** Ends a relay program without asking; gives the process that it was. */
  killRelay(end: 'near' | 'far'): number
  /** The relay program that was started last at an end. */
  relayProcess(end: 'near' | 'far'): number
  /** Waits until the link's way is this one, and gives how long that took in milliseconds. */
  untilWay(way: 'udp' | 'tls' | 'returning'): Promise<number>
  /** The first answer to come after the instant. */
  answerAfter(instant: number): Promise<Answer>
  /** Which pings of those from now until the work is done got no answer within half a second. */
  lostDuring(work: () => Promise<unknown>): Promise<readonly number[]>
}

/** Opens the link and waits until pings are answered by UDP. It ends with the laboratory. */
export async function openRelayedLink(laboratory: Laboratory): Promise<RelayedLink> {
  const near = await laboratory.namespace('near')
  const far = await laboratory.namespace('far')
  await laboratory.cable(
    { in: near, interfaceName: 'eth0', address: `${outside.near}/24` },
    { in: far, interfaceName: 'eth0', address: `${outside.far}/24` },
  )
  const { transport, launchers } = await joinEnds(laboratory, near, far)
  await startEcho(near, '0.0.0.0')
  const answers: Answer[] = []
  const pings = [inside.near, '7', String(millisecondsBetweenPings)]
  eachLine<Answer>(far.start(process.execPath, [testProgram('gaps'), ...pings]), (answer) => answers.push(answer))
  const stream = watchStream(far)
  await eventually('the tunnel', () => answers.length > 100 || undefined, 45_000)
  return {
    transport,
    answers,
    ...stream,
    blockUdp: (direction) => near.feed(rulesAgainst(direction), 'nft', '-f', '-').then(() => undefined),
    allowUdp: () => near.run('nft', 'delete', 'table', 'inet', 'block').then(() => undefined),
    killRelay: (end) => {
      const processId = launchers[end].processId()
      process.kill(processId, 'SIGKILL')
      return processId
    },
    relayProcess: (end) => launchers[end].processId(),
    untilWay: async (way) => {
      const startedAt = clock.now()
      await eventually(way, () => transport.status().way === way || undefined, 60_000)
      return clock.now() - startedAt
    },
    answerAfter: (instant) => eventually('an answer', () => answers.find(({ at }) => at > instant)),
    lostDuring: async (work) => {
      const from = answers.at(-1)?.sequence ?? 0
      await work()
      const to = answers.at(-1)?.sequence ?? 0
      await eventually('later answers', () => answers.some(({ sequence }) => sequence > to + 50) || undefined)
      const came = new Set(answers.map(({ sequence }) => sequence))
      return Array.from({ length: to - from }, (_, index) => from + index).filter((sequence) => !came.has(sequence))
    },
  }
}

function watchStream(far: Namespace) {
  let streamed = 0
  const streamProblems: string[] = []
  const child = far.start(process.execPath, [testProgram('stream'), inside.near, '7'])
  eachLine<{ bytes?: number; problem?: string }>(child, ({ bytes = 0, problem }) => {
    streamed += bytes
    if (problem !== undefined) streamProblems.push(problem)
  })
  return { streamed: () => streamed, streamProblems }
}

function rulesAgainst(direction: 'to near' | 'to far' | 'both'): string {
  const inwards = direction === 'to far' ? '' : `iifname "eth0" udp dport ${port} drop`
  const outwards = direction === 'to near' ? '' : `oifname "eth0" udp sport ${port} drop`
  return `
table inet block {
  chain inwards {
    type filter hook prerouting priority -300; policy accept;
    ${inwards}
  }
  chain outwards {
    type filter hook output priority -300; policy accept;
    ${outwards}
  }
}
`
}

async function joinEnds(laboratory: Laboratory, near: Namespace, far: Namespace) {
  const keys = { near: generatePrivateKey(random), far: generatePrivateKey(random) }
  const devices = {
    near: await openDevice(laboratory, near, 'near'),
    far: await openDevice(laboratory, far, 'far'),
  }
  await devices.near.apply({
    privateKey: keys.near,
    listenPort: port,
    peers: [{ publicKey: publicKeyOf(keys.far), allowedAddresses: [hostCidr(parseIpAddress(inside.far))] }],
  })
  const launchers = { near: relayLauncherIn(near), far: relayLauncherIn(far) }
  const { caFile, issue } = await createRelayCertificates(laboratory)
  const server = await startRelayServer({
    ...{ clock, random, log, program: relayProgram(), launch: launchers.near.launch },
    listen: ':443',
    identity: { ...(await issue('server', 'server')), caFile },
    links: new Map([[publicKeyOf(keys.near), port]]),
  })
  laboratory.endLater(server)
  const resolve = async () => []
  const dial = createDial(parseEndpoint(`${outside.near}:${port}`), [], resolve, log)
  await dial.refresh()
  const pointDevice = async () => {
    const endpoint = transport.current()
    const allowedAddresses = [hostCidr(parseIpAddress(inside.near))]
    const peer = { publicKey: publicKeyOf(keys.near), endpoint, allowedAddresses }
    await devices.far.apply({ privateKey: keys.far, peers: [peer] })
  }
  const transport = createTransport({
    ...{ clock, random, log, dial, resolve, program: relayProgram(), launch: launchers.far.launch, pointDevice },
    relay: {
      ...(await issue('client', 'client')),
      ...{ caFile, endpoint: parseEndpoint(`${outside.near}:443`), serverName: relayServerName },
      link: publicKeyOf(keys.near),
    },
  })
  laboratory.endLater(transport)
  await pointDevice()
  near.start(process.execPath, [testProgram('probe'), inside.near, inside.far, '5400'])
  eachLine<{ event: PathEvent }>(
    far.start(process.execPath, [testProgram('probe'), inside.far, inside.near, '5400']),
    ({ event }) => transport.onPath(event),
  )
  return { transport, launchers }
}

async function openDevice(laboratory: Laboratory, namespace: Namespace, end: 'near' | 'far'): Promise<WireGuardDevice> {
  const name = `r${end.slice(0, 1)}${laboratory.id}`
  const device = await startUserspaceDevice(laboratory, namespace, name)
  await namespace.run('ip', 'address', 'add', `${inside[end]}/24`, 'dev', name)
  await namespace.run('ip', 'link', 'set', 'dev', name, 'mtu', '1420', 'up')
  return device
}
