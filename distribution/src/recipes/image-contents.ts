import { join } from 'node:path'
import { type Deployable, deployables } from '../bundle.ts'
import type { ImageSettings } from '../oci/image.ts'
import type { LayerItem } from '../oci/layer.ts'
import { mergedFolders, type ProgramFile } from '../oci/shared-libraries.ts'
import type { upstreamImages } from '../pins.ts'
import { bundleFile, bundlePart } from './bundles.ts'

const sharedLayers = [
  'base',
  'kubernetes',
  'proxy-tools',
  'etcd',
  'coredns',
  'metrics-server',
  'pause',
  'agnhost',
  'agnhost-tools',
  'node',
  'tunnel-tools',
  'helm',
  'charts',
  'opentofu',
] as const

/** A set of files that images stack; images that name the same layers share them. */
export type LayerName = (typeof sharedLayers)[number] | `application-${Deployable}`

/** Every layer there is. */
export const layerNames: readonly LayerName[] = [
  ...sharedLayers,
  ...deployables.filter((name) => name !== 'node-agent').map((name): LayerName => `application-${name}`),
]

/** Short name of an image: the key by which charts get its reference. */
export type ImageName = keyof typeof upstreamImages | Exclude<Deployable, 'node-agent'> | 'cluster-bootstrap-opentofu'

/** An image as layers, lowest first, and the way its containers start. */
export interface ImageDefinition extends ImageSettings {
  readonly layers: readonly LayerName[]
}

/** User and group that own nothing. */
const nobody = '65532:65532'

function kubernetesImage(program: string): ImageDefinition {
  return { layers: ['base', 'kubernetes'], entrypoint: [`/usr/local/bin/${program}`] }
}

/** A controller waits most of the time: a small heap and few allocator arenas save about 10 MiB of each process. */
const smallHeap = ['--optimize-for-size']

/** Whoever gives memory back does so by the runtime's bridge to the C library, about which it warns. */
const quietBridge = '--disable-warning=ExperimentalWarning'

/**
 * An end of a tunnel waits for most of the time too, there are as many as shoots, and no packet passes through it. So it does without threads that collect and compile beside it, and
 * without compilers, which would touch more of the runtime's program than they save time.
 */
const smallTunnelEnd = [
  ...smallHeap,
  ...['--single-threaded', '--no-opt', '--no-maglev', '--no-sparkplug'],
  quietBridge,
]

function ourImage(
  deployable: Deployable,
  more: readonly LayerName[],
  user: string,
  runtimeFlags: readonly string[] = smallHeap,
): ImageDefinition {
  return {
    layers: ['base', 'node', ...more, `application-${deployable}`],
    entrypoint: ['/usr/local/bin/node', ...runtimeFlags, scriptPath(deployable)],
    environment: ['NODE_ENV=production', 'HOME=/tmp', 'MALLOC_ARENA_MAX=2'],
    user,
  }
}

function scriptPath(deployable: Deployable): string {
  return `/app/${bundleFile(deployable)}`
}

/** Every image, by short name. */
export const imageDefinitions: Readonly<Record<ImageName, ImageDefinition>> = {
  'kube-apiserver': kubernetesImage('kube-apiserver'),
  'kube-controller-manager': kubernetesImage('kube-controller-manager'),
  'kube-scheduler': kubernetesImage('kube-scheduler'),
  'kube-proxy': {
    layers: ['base', 'kubernetes', 'proxy-tools'],
    entrypoint: ['/usr/local/bin/kube-proxy'],
  },
  etcd: { layers: ['base', 'etcd'], entrypoint: ['/usr/local/bin/etcd'] },
  coredns: { layers: ['base', 'coredns'], entrypoint: ['/coredns'], user: nobody },
  pause: { layers: ['pause'], entrypoint: ['/pause'], user: '65535:65535' },
  'metrics-server': { layers: ['base', 'metrics-server'], entrypoint: ['/metrics-server'], user: '65534' },
  agnhost: { layers: ['base', 'agnhost-tools', 'agnhost'], entrypoint: ['/agnhost'], command: ['pause'] },
  // Thousands of machines are a large heap: collecting it as if it were to stay small costs a third of all its CPU, and ever more as it grows. It may grow by a third
  // between two collections of all of it, where V8 by itself would let it double.
  mcm: ourImage('mcm', [], nobody, ['--heap-growing-percent=30']),
  'cluster-bootstrap': ourImage('cluster-bootstrap', ['kubernetes', 'helm', 'charts'], nobody),
  // The same program with 140 MB more, for seeds that are configured for OpenTofu (decision 31).
  'cluster-bootstrap-opentofu': ourImage('cluster-bootstrap', ['kubernetes', 'helm', 'opentofu', 'charts'], nobody),
  'cloud-controller-manager': ourImage('cloud-controller-manager', [], nobody),
  'vpn-seed': ourImage('vpn-seed', ['tunnel-tools'], '0', smallTunnelEnd),
  'vpn-shoot': ourImage('vpn-shoot', ['tunnel-tools'], '0', smallTunnelEnd),
  // Its rules need `nft` and `ip`; the layer is the one that vpn-seed brings along.
  'front-door': ourImage('front-door', ['tunnel-tools'], '0', [...smallHeap, quietBridge]),
}

const seedImages: readonly ImageName[] = [
  'pause',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kube-proxy',
  'etcd',
  'coredns',
  'mcm',
  'cluster-bootstrap',
  'cloud-controller-manager',
  'vpn-seed',
  'front-door',
]

/** Sets of images: what each kind of machine brings along, a seed with OpenTofu too, and `upstream` for tests that need nothing of ours. */
export const imageSets: Readonly<Record<'worker' | 'seed' | 'seed-opentofu' | 'upstream', readonly ImageName[]>> = {
  worker: ['pause', 'kube-proxy', 'coredns', 'metrics-server', 'vpn-shoot', 'agnhost'],
  seed: seedImages,
  'seed-opentofu': [...seedImages, 'cluster-bootstrap-opentofu'],
  upstream: [
    'pause',
    'kube-apiserver',
    'kube-controller-manager',
    'kube-scheduler',
    'kube-proxy',
    'etcd',
    'coredns',
    'metrics-server',
    'agnhost',
  ],
}

/** What the items of layers are taken from. */
export interface LayerSources {
  /** Content directory of a part. */
  readonly part: (name: string) => string
  /** Files of the charts folder, relative to it. */
  readonly charts: readonly string[]
  readonly chartsDirectory: string
  /** Files of OpenTofu's modules, relative to their folder. */
  readonly modules: readonly string[]
  readonly modulesDirectory: string
  /** Files of the mirror of OpenTofu's providers, relative to it. */
  readonly providers: readonly string[]
  /** Files of the bundle that the layer holds, if it holds one. */
  readonly bundle: readonly string[]
  /** Names and links in the Kubernetes part's `bin`. */
  readonly kubernetesPrograms: readonly { readonly name: string; readonly target?: string }[]
}

/** What a layer is made of: items as they are, and Debian programs that bring their libraries along. */
export interface LayerContents {
  readonly items: readonly LayerItem[]
  readonly programs: readonly ProgramFile[]
}

/** Parts of which a layer is made. */
export function partsOfLayer(layer: LayerName): readonly string[] {
  switch (layer) {
    case 'base':
    case 'proxy-tools':
    case 'agnhost-tools':
      return ['debian']
    case 'node':
      return ['debian', 'node']
    case 'tunnel-tools':
      return ['debian', 'wireguard-go', 'wireguard-relay']
    case 'charts':
      return []
    case 'opentofu':
      return ['opentofu', 'opentofu-providers']
    case 'kubernetes':
    case 'etcd':
    case 'coredns':
    case 'metrics-server':
    case 'pause':
    case 'agnhost':
    case 'helm':
      return [layer]
    default:
      return [bundlePart(layer.slice('application-'.length) as Deployable)]
  }
}

/** Names, users and trusted authorities that programs expect; no program. */
function baseItems(debian: string): readonly LayerItem[] {
  const certificates = '/etc/ssl/certs/ca-certificates.crt'
  return [
    ...mergedFolders,
    { kind: 'folder', path: '/tmp', mode: 0o1777 },
    { kind: 'text', path: '/etc/passwd', text: 'root:x:0:0::/:/bin/sh\nnonroot:x:65532:65532::/:/bin/false\n' },
    { kind: 'text', path: '/etc/group', text: 'root:x:0:\nnonroot:x:65532:\n' },
    { kind: 'text', path: '/etc/nsswitch.conf', text: 'hosts: files dns\n' },
    { kind: 'file', path: certificates, source: join(debian, certificates) },
  ]
}

/** The capability to listen on ports below 1024, as `setcap cap_net_bind_service=+ep` writes it. */
const mayBindLowPorts = Buffer.from('0100000200040000000000000000000000000000', 'hex')

const shellTools = [
  ...['cat', 'chmod', 'cp', 'cut', 'date', 'dd', 'df', 'echo', 'env', 'false', 'head', 'id', 'ln', 'ls', 'mkdir', 'mv'],
  ...[
    'printenv',
    'rm',
    'seq',
    'sha256sum',
    'sleep',
    'sort',
    'stat',
    'tail',
    'tar',
    'tee',
    'test',
    'timeout',
    'touch',
    'tr',
  ],
  ...[
    'true',
    'tty',
    'uname',
    'wc',
    'grep',
    'sed',
    'ps',
    'curl',
    'socat',
    'getent',
    'hostname',
    'ip',
    'ss',
    'ping',
    'bash',
  ],
]

/** What the layer consists of. */
export function layerContents(layer: LayerName, sources: LayerSources): LayerContents {
  const { part } = sources
  const program = (owner: string, name: string, path: string): LayerItem => ({
    kind: 'file',
    path,
    source: join(part(owner), 'bin', name),
    mode: 0o755,
  })
  const fromDebian = (path: string): ProgramFile => ({ path, source: join(part('debian'), path) })
  const only = (...items: readonly LayerItem[]): LayerContents => ({ items, programs: [] })
  switch (layer) {
    case 'base':
      return only(...baseItems(part('debian')))
    case 'kubernetes':
      return only(...kubernetesItems(sources))
    case 'proxy-tools':
      return { items: [], programs: ['/usr/sbin/nft', '/usr/sbin/conntrack'].map(fromDebian) }
    case 'tunnel-tools':
      return {
        items: ['wireguard-go', 'wireguard-relay'].map((name) => program(name, name, `/usr/local/bin/${name}`)),
        programs: ['/usr/bin/ip', '/usr/bin/ss', '/usr/sbin/nft', '/usr/bin/wg'].map(fromDebian),
      }
    case 'node':
      return { items: [], programs: [{ path: '/usr/local/bin/node', source: join(part('node'), 'bin/node') }] }
    case 'agnhost-tools':
      return {
        items: [{ kind: 'link', path: '/usr/bin/sh', target: 'bash' }],
        programs: shellTools.map((name) => fromDebian(`/usr/bin/${name}`)),
      }
    case 'coredns':
      return only({
        kind: 'file',
        path: '/coredns',
        source: join(part('coredns'), 'bin/coredns'),
        mode: 0o755,
        capabilities: mayBindLowPorts,
      })
    case 'metrics-server':
    case 'pause':
    case 'agnhost':
      return only(program(layer, layer, `/${layer}`))
    case 'etcd':
    case 'helm':
      return only(program(layer, layer, `/usr/local/bin/${layer}`))
    case 'charts':
      return only(...chartItems(sources))
    case 'opentofu':
      return only(program('opentofu', 'tofu', '/usr/local/bin/tofu'), ...openTofuItems(sources))
    default:
      return only(...bundleItems(part(partsOfLayer(layer)[0] ?? ''), sources.bundle))
  }
}

function kubernetesItems(sources: LayerSources): readonly LayerItem[] {
  return sources.kubernetesPrograms.map(({ name, target }): LayerItem => {
    const path = `/usr/local/bin/${name}`
    if (target !== undefined) return { kind: 'link', path, target }
    return { kind: 'file', path, source: join(sources.part('kubernetes'), 'bin', name), mode: 0o755 }
  })
}

function bundleItems(directory: string, files: readonly string[]): readonly LayerItem[] {
  return files.map((file) => ({ kind: 'file', path: `/app/${file}`, source: join(directory, file) }))
}

function chartItems(sources: LayerSources): readonly LayerItem[] {
  return sources.charts.map((file) => ({
    kind: 'file',
    path: `/charts/${file}`,
    source: join(sources.chartsDirectory, file),
  }))
}

/** What the program needs beside itself, where charts tell cluster-bootstrap that it is. */
function openTofuItems({ part, modules, modulesDirectory, providers }: LayerSources): readonly LayerItem[] {
  const mirror = part('opentofu-providers')
  return [
    ...modules.map(
      (file): LayerItem => ({
        kind: 'file',
        path: `/opentofu/modules/${file}`,
        source: join(modulesDirectory, file),
      }),
    ),
    ...providers.map(
      (file): LayerItem => ({
        kind: 'file',
        path: `/opentofu/providers/${file}`,
        source: join(mirror, file),
        mode: 0o755,
      }),
    ),
  ]
}
