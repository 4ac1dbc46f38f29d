import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { deployments } from '@trellis/api/core/workload'
import { Failure } from '@trellis/foundation/failure'
import { createClient } from '@trellis/kubernetes/client'
import { loadKubeconfig } from '@trellis/kubernetes/kubeconfig'
import { firstShoot, garden } from '../garden/garden.ts'
import { tunnelDoorChart } from '../garden/tunnel-door.ts'
import { paths } from '../installation.ts'
import { readText } from '../store.ts'
import type { CommandContext } from './context.ts'
import { runKubectl } from './kubectl.ts'

/** Where each component's log is: a file of this machine, a server's console, or a pod. */
type Source =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'console'; readonly server: string }
  | {
      readonly kind: 'pod'
      readonly target: '--seed' | '--shoot'
      readonly namespace: string
      readonly workload: string
      readonly container?: string
    }

/** Pods of Deployments and StatefulSets. */
type PodSource = Extract<Source, { kind: 'pod' }>

const controlPod = (workload: string, container?: string): PodSource => ({
  kind: 'pod',
  target: '--seed',
  namespace: firstShoot.controlNamespace,
  workload,
  ...(container === undefined ? {} : { container }),
})

const gardenPod = (workload: string): PodSource => ({
  kind: 'pod',
  target: '--seed',
  namespace: garden.namespace,
  workload,
})

/** With http-connect the tunnel's end is in a Deployment of this name; else it is a container beside the API server. */
const ownTunnelEnd = 'vpn-seed'

function sources(stateDirectory: string): Readonly<Record<string, Source>> {
  return {
    localcloud: { kind: 'file', path: join(stateDirectory, 'localcloud', 'daemon.log') },
    garden: { kind: 'console', server: garden.machine },
    'cluster-bootstrap': gardenPod('deployment/cluster-bootstrap'),
    'cloud-controller-manager': gardenPod('deployment/cloud-controller-manager'),
    'front-door': gardenPod(`deployment/${tunnelDoorChart}`),
    'machine-controller-manager': controlPod('deployment/machine-controller-manager'),
    'kube-apiserver': controlPod('deployment/kube-apiserver', 'kube-apiserver'),
    'vpn-seed': controlPod('deployment/kube-apiserver', 'vpn-seed'),
    'http-connect': controlPod(`deployment/${ownTunnelEnd}`, 'http-connect'),
    etcd: controlPod('statefulset/etcd'),
    'kube-controller-manager': controlPod('deployment/kube-controller-manager'),
    'kube-scheduler': controlPod('deployment/kube-scheduler'),
    'vpn-shoot': { kind: 'pod', target: '--shoot', namespace: 'kube-system', workload: 'deployment/vpn-shoot' },
  }
}

/** Prints the log of one component; further arguments go to `kubectl logs` where it is a pod. A name that is no component is taken for a server, whose console is printed. */
export async function runLogs(context: CommandContext, component: string, args: readonly string[]): Promise<number> {
  const known = sources(context.installation.stateDirectory)
  const source = known[component] ?? { kind: 'console' as const, server: component }
  if (source.kind === 'pod') {
    const found = component === 'vpn-seed' ? await findTunnelEnd(context, source) : source
    return runKubectl(context, podArguments(found, args))
  }
  if (source.kind === 'file') {
    context.screen.write(await readFile(source.path, 'utf8'))
    return 0
  }
  const [server] = await context.cloud.listServers({ name: source.server })
  if (server === undefined) {
    throw new Failure('NotFound', `there is no component and no server called ${component}`, {
      remedy: `choose from ${Object.keys(known).join(', ')}, or a server's name; ${paths(context.installation).cloudSocket} must be served`,
    })
  }
  context.screen.write(await context.cloud.console(server.id, 1000))
  return 0
}

/** Where the seed's end of the first shoot's tunnel is: beside the API server, as `usual` says, or in pods of its own. */
export function tunnelEndSource(usual: PodSource, hasPodsOfItsOwn: boolean): PodSource {
  return hasPodsOfItsOwn ? { ...usual, workload: `deployment/${ownTunnelEnd}` } : usual
}

async function findTunnelEnd({ installation, clock }: CommandContext, usual: PodSource): Promise<PodSource> {
  const kubeconfig = await readText(paths(installation).gardenKubeconfig)
  // Without a garden kubectl is what says so.
  if (kubeconfig === undefined) return usual
  using client = createClient({
    clock,
    kubeconfig: await loadKubeconfig({ file: paths(installation).gardenKubeconfig }),
    userAgent: 'trellis-cli',
  })
  const own = await client.find(deployments, { namespace: usual.namespace, name: ownTunnelEnd })
  return tunnelEndSource(usual, own !== undefined)
}

function podArguments(source: PodSource, args: readonly string[]): readonly string[] {
  const target = source.target === '--shoot' ? ['--shoot', firstShoot.name] : [source.target]
  const container = source.container === undefined ? [] : ['--container', source.container]
  return [...target, '--namespace', source.namespace, 'logs', source.workload, ...container, ...args]
}
