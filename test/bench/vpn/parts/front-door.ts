import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Failure } from '@trellis/foundation/failure'
import { generatePrivateKey, type PublicKey, publicKeyOf } from 'node-wireguard/key'
import { eventually } from 'node-wireguard/testing/eventually'
import type { Namespace } from 'node-wireguard/testing/namespaces'
import { socketPathOf } from 'node-wireguard/uapi-client'
import { cpuSecondsWithChildrenOf, residentMebibytesOf } from '../../process-cost.ts'
import { round } from '../../statistics.ts'
import type { BenchContext } from '../context.ts'
import { bundleTunnelProgram, wireGuardGo } from '../programs.ts'
import { traffic } from '../rig.ts'
import { type RunningProgram, startProgram } from '../running-program.ts'
import type { TunnelEndRequest } from '../traffic/tunnel-ends-request.ts'

const places = { seeds: '10.1.0.2', doorInside: '10.1.0.1', door: '198.18.0.10', shoots: '198.18.0.20' } as const
const doorPort = 51_820
const healthPort = 9112
const firstSeedPort = 20_000
const deadlineMilliseconds = 300_000

/**
 * Tunnels of many shoots through one front door: how long it takes from nothing on the shoots' side until the last one carries probes in both directions, and what the door's
 * process costs while nothing but probes and handshakes goes through them.
 */
export async function frontDoorPart(context: BenchContext): Promise<object> {
  const { clock, options, tell, signal } = context
  await using _ = await allowWatches(4 * options.shoots)
  const namespaces = await buildNamespaces(context)
  const ends = await requestsOf(context, options.shoots)
  const door = await startDoor(context, namespaces.door, ends)
  const seeds = await startEnds(
    context,
    namespaces.seeds,
    ends.map(({ seed }) => seed),
  )
  await seeds.started()
  tell(`frontDoor: ${options.shoots} seed ends wait`)

  const begin = clock.now()
  const shoots = await startEnds(
    context,
    namespaces.shoots,
    ends.map(({ shoot }) => shoot),
  )
  const upAt = Math.max(await shoots.allUp(), await seeds.allUp())
  const upSeconds = round((upAt - begin) / 1000, 1)
  tell(`frontDoor: all up after ${upSeconds} s`)

  await clock.sleep(options.settleSeconds * 1000, signal)
  const before = await readDoor(door, namespaces.door)
  await clock.sleep(options.idleSeconds * 1000, signal)
  const after = await readDoor(door, namespaces.door)
  if (shoots.up() !== options.shoots || seeds.up() !== options.shoots) {
    throw new Failure('Unavailable', `of ${options.shoots} tunnels ${shoots.up()} and ${seeds.up()} are up in the end`)
  }
  return {
    frontDoor: {
      shoots: options.shoots,
      upSeconds,
      idleCpuPercent: round(((after.cpuSeconds - before.cpuSeconds) / options.idleSeconds) * 100),
      rssMiB: round(after.rssMiB, 1),
      kernelFlows: after.kernelFlows,
      userspacePacketsPerSecond: round((after.userspacePackets - before.userspacePackets) / options.idleSeconds, 1),
    },
  }
}

const watchesSetting = '/proc/sys/fs/inotify/max_user_instances'

/** Each wireguard-go watches its socket, and one user may have 128 watchers unless told: lets there be more until it is disposed of. In a cluster they are on many nodes. */
async function allowWatches(count: number): Promise<AsyncDisposable> {
  const before = (await readFile(watchesSetting, 'utf8')).trim()
  await writeFile(watchesSetting, String(Math.max(count, Number(before))))
  return { [Symbol.asyncDispose]: () => writeFile(watchesSetting, before) }
}

/** Seed ends, the door, and shoot ends: the one cable to the door is the only way between both sides. */
async function buildNamespaces({ laboratory }: BenchContext) {
  const [seeds, door, shoots] = [
    await laboratory.namespace('seeds'),
    await laboratory.namespace('door'),
    await laboratory.namespace('shoots'),
  ]
  await laboratory.cable(
    { in: seeds, interfaceName: 'eth0', address: `${places.seeds}/24` },
    { in: door, interfaceName: 'inside', address: `${places.doorInside}/24` },
  )
  await laboratory.cable(
    { in: shoots, interfaceName: 'eth0', address: `${places.shoots}/24` },
    { in: door, interfaceName: 'public', address: `${places.door}/24` },
  )
  return { seeds, door, shoots }
}

interface TunnelRequests {
  readonly name: string
  readonly seedKey: PublicKey
  readonly seedPort: number
  readonly seed: TunnelEndRequest
  readonly shoot: TunnelEndRequest
}

async function requestsOf(context: BenchContext, count: number): Promise<readonly TunnelRequests[]> {
  const { laboratory, random } = context
  const program = await wireGuardGo(context)
  const interfaceOf = (side: string, index: number) => {
    const name = `${side}${laboratory.id}${index}`
    laboratory.removeLater(socketPathOf(name))
    return name
  }
  return Array.from({ length: count }, (_, index): TunnelRequests => {
    const keys = { seed: generatePrivateKey(random), shoot: generatePrivateKey(random) }
    const [seedAddress, shootAddress] = [1, 2].map((end) => `192.168.${index}.${end}`) as [string, string]
    const seedKey = publicKeyOf(keys.seed)
    const seedPort = firstSeedPort + index
    return {
      name: `shoot-${index}`,
      seedKey,
      seedPort,
      seed: {
        ...{ interfaceName: interfaceOf('s', index), program, privateKey: keys.seed, listenPort: seedPort },
        ...{ address: seedAddress, peerAddress: shootAddress, peer: { publicKey: publicKeyOf(keys.shoot) } },
      },
      shoot: {
        ...{ interfaceName: interfaceOf('t', index), program, privateKey: keys.shoot },
        ...{ address: shootAddress, peerAddress: seedAddress },
        peer: { publicKey: seedKey, endpoint: `${places.door}:${doorPort}` },
      },
    }
  })
}

/** One side of all tunnels, as a program of its own. */
async function startEnds(context: BenchContext, namespace: Namespace, requests: readonly TunnelEndRequest[]) {
  const file = join(context.directory, `${namespace.name}.json`)
  await writeFile(file, JSON.stringify(requests), { mode: 0o400 })
  const child = namespace.start(process.execPath, [traffic('tunnel-ends'), file])
  const state = { started: 0, up: 0, at: 0 }
  let trouble = ''
  child.stderr?.on('data', (bytes: Buffer) => {
    trouble = (trouble + bytes.toString()).slice(-2000)
  })
  if (child.stdout !== null) {
    createInterface({ input: child.stdout }).on('line', (line) => Object.assign(state, JSON.parse(line)))
  }
  const wait = async (what: string, ask: () => number | undefined): Promise<number> => {
    // The end of the wait is an answer too: after an error it would be asked again until the deadline.
    const isOver = () => context.signal.aborted || child.exitCode !== null
    const found = await eventually(what, () => (isOver() ? ('over' as const) : ask()), deadlineMilliseconds)
    context.signal.throwIfAborted()
    if (found === 'over') throw new Failure('Unavailable', `the ends of the tunnels ended: ${trouble}`)
    return found
  }
  const count = requests.length
  return {
    up: () => state.up,
    started: () => wait(`${count} ends`, () => (state.started === count ? count : undefined)),
    /** The instant since when all of them are up. */
    allUp: () => wait(`${count} tunnels`, () => (state.up === count ? state.at : undefined)),
  }
}

/** The bundle of the door, confined as its container is. */
async function startDoor(
  context: BenchContext,
  namespace: Namespace,
  tunnels: readonly TunnelRequests[],
): Promise<RunningProgram> {
  const directory = join(context.directory, 'front-door')
  await mkdir(directory)
  const destinations = join(directory, 'destinations.json')
  const list = tunnels.map(({ name, seedKey, seedPort }) => ({
    ...{ name, publicKeys: [seedKey], address: places.seeds, port: seedPort },
  }))
  await writeFile(destinations, JSON.stringify({ tunnels: list }))
  const file = join(directory, 'config.json')
  const udp = { addresses: [places.door], port: doorPort, forwarding: 'kernel' }
  await writeFile(
    file,
    JSON.stringify({ destinations: { files: destinations }, udp, healthHost: '127.0.0.1', healthPort }),
  )
  const start = await bundleTunnelProgram(directory, 'front-door')
  const door = startProgram(namespace, { ...start, args: [...start.args, '--config', file], confined: true })
  await eventually(`the front door (${door.said()})`, () => statusOf(namespace))
  return door
}

interface DoorStatus {
  readonly flows: { readonly kernel: number }
  readonly udp: { readonly userspace: { readonly toDestination: { readonly packets: number } } }
}

async function statusOf(namespace: Namespace): Promise<DoorStatus> {
  return JSON.parse(await namespace.run('curl', '-sf', `http://127.0.0.1:${healthPort}/status`)) as DoorStatus
}

async function readDoor(door: RunningProgram, namespace: Namespace) {
  const { flows, udp } = await statusOf(namespace)
  return {
    cpuSeconds: await cpuSecondsWithChildrenOf(door.processId),
    rssMiB: await residentMebibytesOf(door.processId),
    kernelFlows: flows.kernel,
    userspacePackets: udp.userspace.toDestination.packets,
  }
}
