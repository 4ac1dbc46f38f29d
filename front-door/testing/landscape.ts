import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createSystemRandom } from '@trellis/foundation/random'
import { hostCidr, parseIpAddress } from 'node-wireguard/address'
import type { WireGuardDevice } from 'node-wireguard/device'
import { generatePrivateKey, type PrivateKey, type PublicKey, publicKeyOf } from 'node-wireguard/key'
import { eventually } from 'node-wireguard/testing/eventually'
import { testProgram as tunnelTestProgram } from 'node-wireguard/testing/landscape'
import type { Laboratory, Namespace } from 'node-wireguard/testing/namespaces'
import { startUserspaceDevice } from 'node-wireguard/testing/userspace-device'

/** Where things are: the door is `198.18.0.10`, the shoots' gateway is `198.18.0.20`. */
export const places = {
  door: '198.18.0.10',
  gateway: '198.18.0.20',
  port: 51_820,
  healthPort: 9110,
  /** Where a shoot of version 6 finds the door, and a seed's end of version 6 is. */
  six: { door: 'fd00:18::10', shoot: 'fd00:18::20', seedSide: 'fd00:1::1', seed: 'fd00:1::2' },
} as const

/** Namespaces of a seed with a front door, and of shoots behind a gateway that translates their addresses. */
export interface DoorLandscape {
  readonly door: Namespace
  readonly gateway: Namespace
  /** Somebody else in the Internet, at `203.0.113.2`. */
  readonly stranger: Namespace
  /** Directory of the door's files. */
  readonly directory: string
}

/** One end of a tunnel. */
export interface TunnelEnd {
  readonly namespace: Namespace
  readonly device: WireGuardDevice
  readonly interfaceName: string
  /** Inside the tunnel. */
  readonly address: string
}

/** A shoot's tunnel through the door. */
export interface TestTunnel {
  readonly name: string
  readonly publicKey: PublicKey
  /** Address of the seed's end in the seed. */
  readonly seedAddress: string
  readonly seed: TunnelEnd
  readonly shoot: TunnelEnd
  readonly keys: { readonly seed: PrivateKey; readonly shoot: PrivateKey }
}

/** Path of one of the programs beside this file. */
export function testProgram(name: 'flood'): string {
  return fileURLToPath(new URL(`./${name}.ts`, import.meta.url))
}

/** Builds door and gateway. The way between them is the Internet. */
export async function buildDoorLandscape(laboratory: Laboratory): Promise<DoorLandscape> {
  const door = await laboratory.namespace('door')
  const gateway = await laboratory.namespace('gateway')
  // A pod has one interface, which the door sees to; here more come while it runs.
  await door.run('sysctl', '-qw', 'net.ipv4.conf.default.forwarding=1')
  await laboratory.cable(
    { in: door, interfaceName: 'public', address: `${places.door}/24` },
    { in: gateway, interfaceName: 'public', address: `${places.gateway}/24` },
  )
  const stranger = await laboratory.namespace('stranger')
  await laboratory.cable(
    { in: stranger, interfaceName: 'eth0', address: '203.0.113.2/24' },
    { in: door, interfaceName: 'stranger', address: '203.0.113.1/24' },
  )
  await stranger.run('ip', 'route', 'add', 'default', 'via', '203.0.113.1')
  await gateway.run('sysctl', '-qw', 'net.ipv4.ip_forward=1')
  await gateway.feed(gatewayRules, 'nft', '-f', '-')
  const directory = await mkdtemp(join(tmpdir(), 'front-door-'))
  laboratory.removeLater(directory)
  return { door, gateway, stranger, directory }
}

/** Adds a shoot whose tunnel is number `index` (from 1): its seed end in a namespace behind the door, its other end behind the gateway. The other end does not dial yet. */
export async function addTunnel(laboratory: Laboratory, landscape: DoorLandscape, index: number): Promise<TestTunnel> {
  const { door, gateway } = landscape
  const keys = { seed: generatePrivateKey(createSystemRandom()), shoot: generatePrivateKey(createSystemRandom()) }
  const name = `shoot-${index}`
  const seed = await startSeedEnd(laboratory, door, { index, key: keys.seed, peer: publicKeyOf(keys.shoot) })
  const namespace = await laboratory.namespace(`shoot${index}`)
  await laboratory.cable(
    { in: namespace, interfaceName: 'eth0', address: `10.250.${index}.2/24` },
    { in: gateway, interfaceName: `shoot${index}`, address: `10.250.${index}.1/24` },
  )
  await namespace.run('ip', 'route', 'add', 'default', 'via', `10.250.${index}.1`)
  const shoot = await startEnd(laboratory, namespace, {
    interfaceName: `d${laboratory.id}${index}b`,
    address: `192.168.${index}.2`,
    peerAddress: `192.168.${index}.1`,
  })
  return { name, publicKey: publicKeyOf(keys.seed), seedAddress: seed.outerAddress, seed, shoot, keys }
}

/** Lets the tunnel's ends speak to the door by version 6, too: the shoot's without any translation on the way, as is usual there. */
export async function addVersionSix(
  { door }: DoorLandscape,
  laboratory: Laboratory,
  tunnel: TestTunnel,
): Promise<void> {
  const { seed, shoot } = tunnel
  for (const { name, run } of [door, seed.namespace, shoot.namespace]) {
    // An address that is still looked for elsewhere cannot be used; here nobody else has it.
    for (const scope of ['all', 'default']) await run('sysctl', '-qw', `net.ipv6.conf.${scope}.accept_dad=0`)
    // A pod's sysctl: its network namespace is set up by somebody else.
    if (name === door.name) await run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1')
  }
  await laboratory.cable(
    { in: seed.namespace, interfaceName: 'six', address: `${places.six.seed}/64` },
    { in: door, interfaceName: 'seedsix', address: `${places.six.seedSide}/64` },
  )
  await laboratory.cable(
    { in: shoot.namespace, interfaceName: 'six', address: `${places.six.shoot}/64` },
    { in: door, interfaceName: 'shootsix', address: `${places.six.door}/64` },
  )
}

/** Starts a seed's end in a new pod; `pod` tells apart several of one tunnel. */
export async function startSeedEnd(
  laboratory: Laboratory,
  door: Namespace,
  {
    index,
    key,
    peer,
    pod = 0,
  }: { readonly index: number; readonly key: PrivateKey; readonly peer: PublicKey; readonly pod?: number },
): Promise<TunnelEnd & { readonly outerAddress: string }> {
  const subnet = `10.${1 + pod}.${index}`
  const namespace = await laboratory.namespace(`seed${index}${pod}`)
  await laboratory.cable(
    { in: namespace, interfaceName: 'eth0', address: `${subnet}.2/24` },
    { in: door, interfaceName: `seed${index}${pod}`, address: `${subnet}.1/24` },
  )
  const end = await startEnd(laboratory, namespace, {
    interfaceName: `d${laboratory.id}${index}${pod}`,
    address: `192.168.${index}.1`,
    peerAddress: `192.168.${index}.2`,
  })
  await end.device.apply({
    privateKey: key,
    listenPort: places.port,
    peers: [{ publicKey: peer, allowedAddresses: [hostCidr(parseIpAddress(`192.168.${index}.2`))] }],
  })
  const echo = namespace.start(process.execPath, [tunnelTestProgram('echo'), end.address, '7'])
  await untilSaid(echo, 'ready')
  return { ...end, outerAddress: `${subnet}.2` }
}

/** How a shoot's end dials. */
export interface Dialling {
  /** Its own UDP port; any unless told. */
  readonly port?: number
  /** Key of the end that it asks for; that of its own tunnel unless told. */
  readonly to?: PublicKey
  /** Forgets its session first, as the tunnel's own watch does when questions go unanswered. */
  readonly anew?: boolean
  /** Address of the door. */
  readonly door?: string
}

/** Has the shoot's end dial the door. */
export async function dial({ publicKey, seed, shoot, keys }: TestTunnel, options: Dialling = {}): Promise<void> {
  const own = { privateKey: keys.shoot, ...(options.port === undefined ? {} : { listenPort: options.port }) }
  if (options.anew === true) await shoot.device.apply({ ...own, peers: [] })
  await shoot.device.apply({
    ...own,
    peers: [
      {
        publicKey: options.to ?? publicKey,
        endpoint: { host: parseIpAddress(options.door ?? places.door), port: places.port },
        persistentKeepaliveSeconds: 1,
        allowedAddresses: [hostCidr(parseIpAddress(seed.address))],
      },
    ],
  })
}

/** Answers through a tunnel, asked for every 20 ms from the shoot's end. */
export interface Asking {
  /** Time before each answer since the one before it, in milliseconds. */
  readonly gaps: readonly number[]
  /** Waits for so many more answers; one unless told. */
  next(count?: number): Promise<void>
}

/** Begins to ask the echo at the seed's end. */
export function ask(tunnel: TestTunnel): Asking {
  const child = tunnel.shoot.namespace.start(process.execPath, [tunnelTestProgram('gaps'), tunnel.seed.address, '7'])
  const gaps: number[] = []
  let rest = ''
  child.stdout?.on('data', (bytes: Buffer) => {
    const lines = (rest + bytes.toString()).split('\n')
    rest = lines.pop() ?? ''
    gaps.push(...lines.map((line) => (JSON.parse(line) as { gapMilliseconds: number }).gapMilliseconds))
  })
  child.stderr?.resume()
  return {
    gaps,
    next: async (count = 1) => {
      const wanted = gaps.length + count
      await eventually(`${count} answers`, () => (gaps.length >= wanted ? true : undefined), 30_000)
    },
  }
}

/** The longest time without an answer since the first one. */
export function longestGap({ gaps }: Asking): number {
  return Math.max(...gaps.slice(1))
}

/** Gives all shoots another address and other ports at the gateway, as when a NAT is restarted elsewhere. */
export async function moveSources({ gateway }: DoorLandscape): Promise<void> {
  await gateway.run('ip', 'address', 'add', '198.18.0.21/24', 'dev', 'public')
  await gateway.feed(
    `flush chain ip gateway postrouting
     add rule ip gateway postrouting oifname "public" meta l4proto udp snat to 198.18.0.21:20000-30000`,
    ...(['nft', '-f', '-'] as const),
  )
  await gateway.run('conntrack', '-F')
}

/** How many packets have come to a namespace from outside. */
export async function packetsReceived(namespace: Namespace): Promise<number> {
  return Number(await namespace.run('cat', '/sys/class/net/eth0/statistics/rx_packets'))
}

/** A front door as a process of its own. */
export interface RunningDoor {
  readonly child: ChildProcess
  said(): string
  status(): Promise<DoorStatus>
  /** Ends it without asking, and waits. */
  kill(): Promise<void>
}

/** What `/status` tells, as far as tests ask. */
export interface DoorStatus {
  readonly flows: { readonly kernel: number; readonly userspace: number }
  readonly udp: {
    readonly handshakes: { readonly forwarded: number; readonly answered: number }
    readonly dropped: Readonly<Record<string, number>>
    readonly userspace: { readonly toDestination: { readonly packets: number } }
    readonly kernel: { readonly packets: number }
  }
}

/** Says where the door is to lead. */
export async function lead(
  { directory }: DoorLandscape,
  tunnels: readonly { readonly name: string; readonly publicKey: PublicKey; readonly seedAddress: string }[],
): Promise<void> {
  const destinations = {
    tunnels: tunnels.map(({ name, publicKey, seedAddress }) => ({
      name,
      publicKeys: [publicKey],
      address: seedAddress,
      port: places.port,
    })),
  }
  await writeFile(join(directory, 'destinations.json'), JSON.stringify(destinations))
}

/** Starts the door as its container does, and waits until it is ready. */
export async function startDoor(
  { door, directory }: DoorLandscape,
  udp: {
    readonly forwarding: 'kernel' | 'userspace'
    readonly limits?: object
    readonly addresses?: readonly string[]
  },
): Promise<RunningDoor> {
  const configuration = {
    destinations: { files: join(directory, 'destinations.json') },
    udp: { addresses: [places.door], ...udp, port: places.port },
    healthHost: '127.0.0.1',
    healthPort: places.healthPort,
  }
  const file = join(directory, 'config.json')
  await writeFile(file, JSON.stringify(configuration))
  const program = fileURLToPath(new URL('../src/main.ts', import.meta.url))
  const child = door.start(process.execPath, [program, '--config', file], { confined: true })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (bytes: Buffer) => {
      said += bytes.toString()
    })
  }
  const get = (path: string) => door.run('curl', '-sf', `http://127.0.0.1:${places.healthPort}/${path}`)
  await eventually(`the door (${said})`, () => get('readyz'))
  return {
    child,
    said: () => said,
    status: async () => JSON.parse(await get('status')) as DoorStatus,
    kill: async () => {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}

async function startEnd(
  laboratory: Laboratory,
  namespace: Namespace,
  { interfaceName, address, peerAddress }: { interfaceName: string; address: string; peerAddress: string },
): Promise<TunnelEnd> {
  const device = await startUserspaceDevice(laboratory, namespace, interfaceName)
  await namespace.run('ip', 'address', 'add', `${address}/32`, 'dev', interfaceName)
  await namespace.run('ip', 'link', 'set', 'dev', interfaceName, 'up')
  await namespace.run('ip', 'route', 'add', peerAddress, 'dev', interfaceName)
  return { namespace, device, interfaceName, address }
}

async function untilSaid(child: ChildProcess, text: string): Promise<void> {
  let said = ''
  child.stdout?.on('data', (bytes: Buffer) => {
    said += bytes.toString()
  })
  await eventually(text, () => (said.includes(text) ? true : undefined))
}

/** Each shoot's datagrams leave from a port of the gateway that a test may choose; nothing passes that was not asked for. */
const gatewayRules = `
table ip gateway {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "public" masquerade
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    oifname "public" accept
    ct state established,related accept
  }
}
`
