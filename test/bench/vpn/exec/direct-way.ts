import { readdir, readFile, readlink } from 'node:fs/promises'
import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import { traffic } from '../rig.ts'

/** Where packets of an API server to a node of its shoot go. */
export interface Ways {
  /** By a cable into the shoot's network, which nobody has but the benchmark. */
  direct(): Promise<void>
  /** By the tunnel, as always. */
  tunnel(): Promise<void>
  /** Connections to the node that were accepted over the cable so far. */
  directConnections(): Promise<number>
  /** How long so many handshakes of TCP with the node's kubelet take, one after the other, by the way that is in use, in milliseconds: one round trip each. */
  handshakes(count: number): Promise<readonly number[]>
}

const kubeletPort = 10_250

/** Between what the cable goes. */
export interface Cable {
  readonly installation: string
  /** Network namespace that the shoot's nodes are connected in, to the bridge br0. */
  readonly network: string
  /** Address of the node. */
  readonly node: string
  /** A free address of the nodes' network for the API server. */
  readonly address: string
}

const cable = 'direct0'

/**
 * Counts the answers that accept a connection. Packets would not do: the bridge sends whatever it broadcasts into the cable, and the last of a connection may come
 * when the next turn has begun.
 */
const counting = [
  'add table inet direct',
  'add counter inet direct connections',
  'add chain inet direct input { type filter hook input priority -300; }',
  `add rule inet direct input iifname ${cable} tcp sport ${kubeletPort} tcp flags & (syn | ack) == syn | ack counter name connections`,
].join('; ')

/**
 * Lays a cable from the network namespace of the installation's only API server of a shoot to the bridge of the shoot's nodes. Nothing takes it until `direct`: then a route to
 * the node goes before the tunnel's. Both ends go with the installation.
 */
export async function layCable(runner: CommandRunner, { installation, network, node, address }: Cable): Promise<Ways> {
  const pid = await apiServerOfShoot(installation)
  const far = (args: readonly string[]) => runOrThrow(runner, 'ip', ['-n', network, ...args])
  const inside = (...command: readonly string[]) =>
    runOrThrow(runner, 'nsenter', ['--target', String(pid), '--net', ...command])
  const near = (args: readonly string[]) => inside('ip', ...args)
  await far(['link', 'add', 'direct1', 'type', 'veth', 'peer', 'name', cable, 'netns', String(pid)])
  await far(['link', 'set', 'direct1', 'master', 'br0', 'up'])
  await near(['link', 'set', cable, 'up'])
  await near(['address', 'add', `${address}/32`, 'dev', cable])
  await inside('nft', counting)
  return {
    direct: async () => void (await near(['route', 'replace', `${node}/32`, 'dev', cable, 'src', address])),
    tunnel: async () => void (await near(['route', 'delete', `${node}/32`, 'dev', cable])),
    directConnections: async () => {
      const { nftables } = JSON.parse(
        await inside('nft', '--json', 'list', 'counter', 'inet', 'direct', 'connections'),
      ) as {
        readonly nftables: readonly { readonly counter?: { readonly packets: number } }[]
      }
      const count = nftables.find(({ counter }) => counter !== undefined)?.counter?.packets
      if (count === undefined) throw new Failure('NotFound', 'nft does not tell the counter of the cable')
      return count
    },
    handshakes: async (count) => {
      const text = await inside(process.execPath, traffic('connect'), node, String(kubeletPort), String(count))
      return JSON.parse(text) as readonly number[]
    },
  }
}

/** Process of the API server that has a tunnel's interface in its network namespace: the garden's own has none. */
async function apiServerOfShoot(installation: string): Promise<number> {
  for (const pid of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry)).map(Number)) {
    const read = (name: string): Promise<string> => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')
    const program = await readlink(`/proc/${pid}/exe`).catch(() => '')
    const isApiServer = (await read('cmdline')).split('\0')[0]?.endsWith('kube-apiserver') === true && program !== ''
    if (!isApiServer || !(await read('cgroup')).split('\n').some((line) => line.split('/').includes(installation)))
      continue
    if (/^ *vpn\d/m.test(await read('net/dev'))) return pid
  }
  throw new Failure('NotFound', `no API server of a shoot runs in the installation ${installation}`)
}
