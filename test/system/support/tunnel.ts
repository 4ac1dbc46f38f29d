import { createCloudClient } from '@trellis/cloudprovider/local/client'
import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import { type Clusters, controlNamespaceOf } from './clusters.ts'
import type { TestInstallation } from './installation.ts'

/** What the seed's end of a tunnel tells of itself. */
export interface TunnelStatus {
  readonly linksUp: number
  readonly links: readonly {
    readonly peer: string
    readonly carries: boolean
    readonly up: boolean
    readonly transport: 'udp' | 'tls'
  }[]
}

/** Asks the seed's end of a shoot's tunnel, in the one pod that has it: the API server's, or its own with http-connect. */
export async function readTunnel(
  { control }: Clusters,
  shoot = 'first',
  app = 'kube-apiserver',
): Promise<TunnelStatus> {
  const found = (await control(['get', 'pods', '-l', `app=${app}`, '-o', 'name'])).split('\n')[0]?.replace('pod/', '')
  const path = `/api/v1/namespaces/${controlNamespaceOf(shoot)}/pods/${found}:9110/proxy/status`
  return JSON.parse(await control(['get', '--raw', path])) as TunnelStatus
}

/** By what the link goes that carries; `none` while that is not up. */
export function transportOf({ links }: TunnelStatus): 'udp' | 'tls' | 'none' {
  return links.find(({ carries, up }) => carries && up)?.transport ?? 'none'
}

/** What the front door of the seed has passed on. */
export interface DoorStatus {
  readonly udp: { readonly kernel: { readonly packets: number } }
  readonly tls: { readonly open: number }
  readonly destinations: { readonly tunnels: number; readonly servers: number }
}

/** Asks the seed's front door. */
export async function readDoor({ must }: TestInstallation): Promise<DoorStatus> {
  const seed = ['kubectl', '--seed', '--namespace', 'trellis-system', 'get']
  const found = (await must([...seed, 'pods', '-l', 'app=front-door', '-o', 'name']))
    .split('\n')[0]
    ?.replace('pod/', '')
  const path = `/api/v1/namespaces/trellis-system/pods/${found}:9112/proxy/status`
  return JSON.parse(await must([...seed, '--raw', path])) as DoorStatus
}

/**
 * A firewall of the shoot's own network that drops all UDP to the public network, as some companies have it, until it is disposed. Resolves once it is in
 * force; throws `NotFound` when the shoot has no network.
 */
export async function blockUdp(
  runner: CommandRunner,
  { name, cloudSocket }: TestInstallation,
  shoot: string,
): Promise<AsyncDisposable> {
  using cloud = createCloudClient({ socketPath: cloudSocket })
  const network = (await cloud.listNetworks()).find((one) => one.name === controlNamespaceOf(shoot))
  if (network === undefined) throw new Failure('NotFound', `the shoot ${shoot} has no network`)
  const nft = (rules: string): Promise<string> =>
    runOrThrow(runner, 'ip', ['netns', 'exec', `${name}-${network.id}`, 'nft', '-f', '-'], { input: rules })
  // Before the network's own rules see a packet, and before connection tracking: flows that are there already end, too.
  await nft(`table inet company {
    chain out {
      type filter hook prerouting priority -300
      iifname "br0" meta l4proto udp ip daddr 198.16.0.0/12 drop
    }
  }
`)
  return { [Symbol.asyncDispose]: () => nft('delete table inet company\n').then(() => {}) }
}
