import type { ChildProcess } from 'node:child_process'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createSystemRandom } from '@trellis/foundation/random'
import { generatePresharedKey, generatePrivateKey, type PrivateKey, publicKeyOf } from 'node-wireguard/key'
import { eventually } from 'node-wireguard/testing/eventually'
import { buildLandscape, type Landscape, places, testProgram } from 'node-wireguard/testing/landscape'
import { type Laboratory, type Namespace, openLaboratory } from 'node-wireguard/testing/namespaces'
import { wireGuardGoProgram } from 'node-wireguard/testing/programs'
import type { LinkStatus } from 'node-wireguard/tunnel/link/link-status'
import type { TunnelStatus } from 'node-wireguard/tunnel/status'

/** One end of the tunnel: the program as a container would run it. */
export interface End {
  readonly label: 'seed' | 'shoot'
  readonly namespace: Namespace
  readonly interfaceName: string
  /** Starts the program; the one before it must have ended. */
  start(): Promise<void>
  /** Ends the program and what it started at once, as the death of a container does. */
  killContainer(): Promise<void>
  /** Ends only the Node process at once. */
  killProgram(): Promise<void>
  /** Ends only wireguard-go at once. */
  killWireGuardGo(): Promise<void>
  /** Asks the program to end and returns its exit code. */
  stop(): Promise<number | null>
  /** Resolves with exit code and error output when the program has ended by itself. */
  ended(): Promise<{ readonly code: number | null; readonly said: string }>
  status(): Promise<TunnelStatus>
  /** Status of its best link. */
  link(): Promise<LinkStatus>
  /** Status code and body of a request to the health server. */
  get(path: string): Promise<{ readonly code: number; readonly body: string }>
}

/** Both ends in a landscape of their own. */
export interface Pair extends AsyncDisposable {
  readonly laboratory: Laboratory
  readonly landscape: Landscape
  readonly seed: End
  readonly shoot: End
  /** Waits until both ends see the other. */
  connected(): Promise<void>
  /** Connects from the seed's pod and sends bytes back and forth. */
  connect(
    address: string,
    port: number,
    bytes?: number,
  ): Promise<{ problem?: string; bytes?: number; seconds?: number }>
}

/** A link in a configuration file that a test may bend. */
export interface LinkEntry {
  readonly interface: string
  readonly peer: Readonly<Record<string, unknown>>
  readonly [field: string]: unknown
}

/** A configuration file that a test may bend. */
export interface EndFile {
  readonly links: readonly [LinkEntry]
  readonly tunnelAddresses: readonly string[]
  readonly [field: string]: unknown
}

/** What differs from the usual. */
export interface PairOptions {
  readonly seed?: (file: EndFile) => Record<string, unknown>
  readonly shoot?: (file: EndFile) => Record<string, unknown>
}

/** Changes the only link of a file. */
export function withLink(file: EndFile, change: (link: LinkEntry) => Record<string, unknown>): Record<string, unknown> {
  return { ...file, links: [change(file.links[0])] }
}

const healthPort = 9110
const programs = {
  seed: fileURLToPath(new URL('../../vpn-seed/src/main.ts', import.meta.url)),
  shoot: fileURLToPath(new URL('../src/main.ts', import.meta.url)),
}

/** Builds the landscape and writes both configurations; starts nothing. Options change the configuration files. */
export async function openPair(options: PairOptions = {}): Promise<Pair> {
  const laboratory = openLaboratory()
  const landscape = await buildLandscape(laboratory)
  const directory = await mkdtemp(join(tmpdir(), 'trellis-vpn-'))
  laboratory.removeLater(directory)
  const random = createSystemRandom()
  const keys = { seed: generatePrivateKey(random), shoot: generatePrivateKey(random) }
  await writeFile(join(directory, 'preshared'), generatePresharedKey(random))
  const usual = usualFiles(laboratory.id, directory, keys)
  const files = { seed: options.seed?.(usual.seed) ?? usual.seed, shoot: options.shoot?.(usual.shoot) ?? usual.shoot }
  for (const label of ['seed', 'shoot'] as const) {
    await writeFile(join(directory, label), keys[label], { mode: 0o400 })
    await writeFile(join(directory, `${label}.json`), JSON.stringify(files[label]))
    laboratory.removeLater(`/var/run/wireguard/${usual[label].links[0].interface}.sock`)
  }
  const end = (label: 'seed' | 'shoot', namespace: Namespace) =>
    createEnd(label, namespace, usual[label].links[0].interface, join(directory, `${label}.json`))
  const seed = end('seed', landscape.seed)
  const shoot = end('shoot', landscape.vpn)
  return {
    laboratory,
    landscape,
    seed,
    shoot,
    connected: async () => {
      for (const one of [seed, shoot])
        await eventually(`the path of ${one.label}`, async () => ((await one.status()).up ? true : undefined))
    },
    connect: async (address, port, bytes = 5) =>
      JSON.parse(
        await landscape.seed.run(process.execPath, testProgram('connect'), address, String(port), String(bytes)),
      ),
    [Symbol.asyncDispose]: () => laboratory[Symbol.asyncDispose](),
  }
}

function usualFiles(id: string, directory: string, keys: Readonly<Record<'seed' | 'shoot', PrivateKey>>) {
  const common = { networks: places.networks, healthPort, wireGuardGo: { program: wireGuardGoProgram() } }
  const presharedKeyFile = join(directory, 'preshared')
  const seed: EndFile = {
    ...common,
    tunnelAddresses: ['192.168.123.1'],
    links: [
      {
        interface: `ws${id}`,
        listenPort: 51_820,
        privateKeyFile: join(directory, 'seed'),
        addresses: ['192.168.124.1'],
        peer: {
          publicKey: publicKeyOf(keys.shoot),
          presharedKeyFile,
          addresses: ['192.168.124.2'],
          tunnelAddresses: ['192.168.123.2'],
        },
      },
    ],
  }
  const shoot: EndFile = {
    ...common,
    tunnelAddresses: ['192.168.123.2'],
    links: [
      {
        interface: `wt${id}`,
        privateKeyFile: join(directory, 'shoot'),
        addresses: ['192.168.124.2'],
        peer: {
          publicKey: publicKeyOf(keys.seed),
          presharedKeyFile,
          endpoint: `${places.doorAddress}:${places.doorPort}`,
          addresses: ['192.168.124.1'],
          tunnelAddresses: ['192.168.123.1'],
        },
      },
    ],
  }
  return { seed, shoot }
}

function createEnd(label: 'seed' | 'shoot', namespace: Namespace, interfaceName: string, file: string): End {
  let child: ChildProcess | undefined
  let said = ''
  const get = async (path: string) => {
    const output = await namespace.run(
      'curl',
      ...['--silent', '--max-time', '2', '--write-out', '\n%{http_code}', `http://127.0.0.1:${healthPort}${path}`],
    )
    const at = output.lastIndexOf('\n')
    return { code: Number(output.slice(at + 1)), body: output.slice(0, at) }
  }
  const killWireGuardGo = async () => {
    const pids = await namespace.run('sh', '-c', `pgrep -f -- "--foreground ${interfaceName}\\$" || true`)
    for (const pid of pids.split('\n').filter((line) => line !== '')) killIfThere(Number(pid))
  }
  const killProgram = async () => {
    const gone = exit(child)
    child?.kill('SIGKILL')
    await gone
  }
  const status = async (): Promise<TunnelStatus> => JSON.parse((await get('/status')).body)
  return {
    label,
    namespace,
    interfaceName,
    start: async () => {
      said = ''
      const started = namespace.start(process.execPath, [programs[label], '--config', file], { confined: true })
      for (const stream of [started.stdout, started.stderr])
        stream?.on('data', (chunk: Buffer) => {
          said += chunk.toString()
        })
      child = started
    },
    killContainer: async () => {
      await Promise.all([killProgram(), killWireGuardGo()])
      await killWireGuardGo()
    },
    killProgram,
    killWireGuardGo,
    stop: async () => {
      const gone = exit(child)
      child?.kill('SIGTERM')
      return gone
    },
    ended: async () => ({ code: await exit(child), said }),
    status,
    link: async () => {
      const [link] = (await status()).links
      if (link === undefined) throw new RangeError('there is no link')
      return link
    },
    get,
  }
}

/** Resolves with the exit code once the process has ended; null when a signal ended it or there is none. */
function exit(child: ChildProcess | undefined): Promise<number | null> {
  return new Promise((resolve) => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) resolve(child?.exitCode ?? null)
    else child.once('exit', resolve)
  })
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself meanwhile.
  }
}
