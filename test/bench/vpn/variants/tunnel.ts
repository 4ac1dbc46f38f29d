import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '@trellis/foundation/failure'
import { generatePresharedKey, generatePrivateKey, publicKeyOf } from 'node-wireguard/key'
import { socketPathOf } from 'node-wireguard/uapi-client'
import type { BenchContext } from '../context.ts'
import { childrenOf } from '../memory-use.ts'
import { bundleTunnelProgram, wireGuardGo } from '../programs.ts'
import { buildRig, places, type Rig } from '../rig.ts'
import { type ProgramStart, type RunningProgram, startProgram } from '../running-program.ts'
import type { OpenVariant } from './variant.ts'

/** One end of our tunnel, started as its container starts it. */
export interface TunnelEnd {
  /** The processes of this end: Node, and the wireguard-go that it has started. */
  processes(): Promise<{ readonly node: number; readonly 'wireguard-go': number }>
  /** Ends all of it at once, as when a container dies: nothing is said to the other end. */
  kill(): Promise<void>
  /** Asks it to end and waits. */
  stop(): Promise<void>
  /** Starts it again. */
  start(): void
  /** The last of what it said. */
  said(): string
}

/** Our tunnel with both its ends. */
export interface OpenTunnel extends OpenVariant {
  readonly ends: Readonly<Record<EndName, TunnelEnd>>
}

/** The ends of the tunnel. */
export type EndName = 'seed' | 'shoot'

const port = 51_820
const addresses = { seed: '192.168.123.1', shoot: '192.168.123.2' } as const
const linkAddresses = { seed: '192.168.124.1', shoot: '192.168.124.2' } as const

/** Starts both ends of our tunnel. The label tells tunnels of one run apart. */
export async function openTunnel(context: BenchContext, label = 'tunnel'): Promise<OpenTunnel> {
  const rig = await buildRig(context.laboratory, label)
  const directory = join(context.directory, label)
  await mkdir(directory)
  const files = await writeConfigurations(context, label, directory)
  const end = async (name: EndName) => {
    const start = await bundleTunnelProgram(directory, `vpn-${name}`)
    return createEnd(rig, name, { ...start, args: [...start.args, '--config', files[name]], confined: true })
  }
  const ends = { seed: await end('seed'), shoot: await end('shoot') }
  for (const one of Object.values(ends)) one.start()
  return { rig, ends, seedProcesses: async () => ({ ...(await ends.seed.processes()) }) }
}

async function writeConfigurations(context: BenchContext, label: string, directory: string) {
  const { laboratory, random } = context
  const keys = { seed: generatePrivateKey(random), shoot: generatePrivateKey(random) }
  const presharedKeyFile = join(directory, 'preshared.key')
  await writeFile(presharedKeyFile, generatePresharedKey(random), { mode: 0o400 })
  const program = await wireGuardGo(context)
  const write = async (name: EndName, other: EndName, { peer, ...more }: { readonly peer: object }) => {
    const privateKeyFile = join(directory, `${name}.key`)
    const interfaceName = `${label.slice(0, 1)}${name.slice(0, 2)}${laboratory.id}`
    laboratory.removeLater(socketPathOf(interfaceName))
    await writeFile(privateKeyFile, keys[name], { mode: 0o400 })
    const file = join(directory, `${name}.json`)
    const link = {
      ...more,
      interface: interfaceName,
      privateKeyFile,
      addresses: [linkAddresses[name]],
      peer: {
        ...peer,
        publicKey: publicKeyOf(keys[other]),
        presharedKeyFile,
        addresses: [linkAddresses[other]],
        tunnelAddresses: [addresses[other]],
      },
    }
    const configuration = {
      tunnelAddresses: [addresses[name]],
      links: [link],
      networks: { pods: [places.podNetwork] },
      healthPort: 9110,
      implementation: 'userspace',
      wireGuardGo: { program },
    }
    await writeFile(file, JSON.stringify(configuration))
    return file
  }
  const listening = { listenPort: port, peer: {} }
  return {
    seed: await write('seed', 'shoot', listening),
    shoot: await write('shoot', 'seed', { peer: { endpoint: `${places.seed}:${port}` } }),
  }
}

function createEnd(rig: Rig, name: EndName, start: ProgramStart): TunnelEnd {
  let running: RunningProgram | undefined
  const processes = async () => {
    if (running === undefined || running.hasEnded()) {
      throw new Failure('Unavailable', `vpn-${name} does not run: ${running?.said()}`)
    }
    const [child] = await childrenOf(running.processId)
    if (child === undefined) throw new Failure('Unavailable', `vpn-${name} runs no wireguard-go: ${running.said()}`)
    return { node: running.processId, 'wireguard-go': child }
  }
  return {
    processes,
    kill: async () => {
      const { node, 'wireguard-go': child } = await processes()
      // The child first would be started anew.
      process.kill(node, 'SIGKILL')
      process.kill(child, 'SIGKILL')
      await running?.end('SIGKILL')
    },
    stop: async () => running?.end('SIGTERM'),
    start: () => {
      running = startProgram(rig[name], start)
    },
    said: () => running?.said() ?? '',
  }
}
