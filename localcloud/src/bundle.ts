import { join } from 'node:path'
import type { HostFacts } from './host-facts.ts'
import { namespacePath } from './host-network.ts'
import { cgroupOf, namespaceOf } from './names.ts'
import type { Flavor } from './schemas.ts'

/** What a machine's container is made from. */
export interface BundleRequest {
  readonly instance: string
  readonly serverId: string
  /** Becomes the host name. */
  readonly name: string
  readonly flavor: Flavor
  readonly directories: MachineDirectories
  /** The host's end of the machine's console; the machine sees it as `/dev/console`. */
  readonly consoleDevice: string
  /** Variables of its first process beside the usual. */
  readonly environment?: Readonly<Record<string, string>>
}

/** Where one machine's files are on the host. */
export interface MachineDirectories {
  readonly machine: string
  /** Changes to the image. */
  readonly upper: string
  readonly work: string
  /** Image and changes, mounted together. */
  readonly root: string
  /** Holds `config.json`. */
  readonly bundle: string
  /** Real directories, because the overlay file systems of containers cannot lie on an overlay. */
  readonly containerd: string
  readonly kubelet: string
  readonly consoleLog: string
  /** Link to the device of the console, made by the process that keeps it. */
  readonly consoleDevice: string
  readonly pidFile: string
}

/** The files of one machine, below the directory of all machines. */
export function machineDirectoriesOf(machines: string, serverId: string): MachineDirectories {
  const machine = join(machines, serverId)
  return {
    machine,
    upper: join(machine, 'upper'),
    work: join(machine, 'work'),
    root: join(machine, 'root'),
    bundle: join(machine, 'bundle'),
    containerd: join(machine, 'containerd'),
    kubelet: join(machine, 'kubelet'),
    consoleLog: join(machine, 'console.log'),
    consoleDevice: join(machine, 'console'),
    pidFile: join(machine, 'pid'),
  }
}

/** One entry of an OCI runtime configuration's mounts. */
interface Mount {
  readonly destination: string
  readonly type: string
  readonly source: string
  readonly options: readonly string[]
}

/** Most processes of one machine: far more than a node runs, few enough that a fork bomb stays inside. */
const processesLimit = 16_384

/**
 * The OCI runtime configuration of a machine: a container with kernel namespaces of its own that runs systemd as a real machine does,
 * with every capability that the host can give, its own view of the cgroup hierarchies, and no masked paths.
 */
export function bundleOf(request: BundleRequest, facts: HostFacts): unknown {
  const { directories, flavor } = request
  return {
    ociVersion: '1.0.2',
    hostname: request.name,
    process: processOf(request, facts),
    root: { path: directories.root, readonly: false },
    mounts: [...kernelMounts, ...machineMounts(request)],
    linux: {
      namespaces: [
        { type: 'pid' },
        { type: 'ipc' },
        { type: 'uts' },
        { type: 'mount' },
        { type: 'cgroup' },
        { type: 'network', path: namespacePath(namespaceOf(request.instance, request.serverId)) },
      ],
      rootfsPropagation: 'rshared',
      cgroupsPath: cgroupOf(request.instance, request.serverId),
      devices: facts.devices.map((device) => ({ type: 'c', fileMode: 0o666, uid: 0, gid: 0, ...device })),
      maskedPaths: [],
      readonlyPaths: [],
      resources: {
        devices: [{ allow: true, access: 'rwm' }],
        memory: { limit: flavor.memoryBytes },
        cpu: { shares: Math.round(flavor.cores * 1024) },
        pids: { limit: processesLimit },
      },
    },
  }
}

const usualEnvironment = [
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  'container=trellis',
  'TERM=linux',
]

function processOf({ environment = {} }: BundleRequest, facts: HostFacts): unknown {
  const { capabilities } = facts
  const more = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  return {
    terminal: false,
    user: { uid: 0, gid: 0 },
    cwd: '/',
    args: ['/sbin/init'],
    env: [...usualEnvironment, ...more],
    noNewPrivileges: false,
    capabilities: {
      bounding: capabilities,
      effective: capabilities,
      permitted: capabilities,
      inheritable: [],
      ambient: [],
    },
    rlimits: [{ type: 'RLIMIT_NOFILE', hard: facts.openFilesLimit, soft: facts.openFilesLimit }],
  }
}

const memoryMount = (destination: string, ...options: readonly string[]): Mount => ({
  destination,
  type: 'tmpfs',
  source: 'tmpfs',
  options: ['nosuid', ...options],
})

/** File systems of the kernel and in memory. On cgroup version 1 the runtime mounts every hierarchy of the host one by one. */
const kernelMounts: readonly Mount[] = [
  { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
  memoryMount('/dev', 'strictatime', 'mode=755', 'size=65536k'),
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
  },
  memoryMount('/dev/shm', 'nodev', 'mode=1777', 'size=65536k'),
  { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'rw'] },
  {
    destination: '/sys/fs/cgroup',
    type: 'cgroup',
    source: 'cgroup',
    options: ['nosuid', 'noexec', 'nodev', 'relatime', 'rw'],
  },
  memoryMount('/run', 'nodev', 'mode=755'),
  memoryMount('/tmp', 'nodev', 'mode=1777'),
]

function machineMounts({ directories, consoleDevice }: BundleRequest): readonly Mount[] {
  const bind = (source: string, destination: string, propagation: string): Mount => ({
    destination,
    type: 'bind',
    source,
    options: [propagation === 'rshared' ? 'rbind' : 'bind', 'rw', propagation],
  })
  return [
    bind(directories.containerd, '/var/lib/containerd', 'rprivate'),
    bind(directories.kubelet, '/var/lib/kubelet', 'rshared'),
    bind(consoleDevice, '/dev/console', 'rprivate'),
  ]
}
