import { type Installation, publicRange } from '../installation.ts'
import { type Check, type HostView, problem, type Verdict, warning, well } from './check.ts'

const gibibyte = 1024 ** 3
/** Measured: parts take 4 GiB, two workers and a seed write about 3 GiB. */
const diskNeededBytes = 8 * gibibyte
/** Measured: garden, seed and a shoot of two workers use about 4 GiB with their page cache. */
const memoryNeededBytes = 5 * gibibyte

/** Measured: each machine holds 16 and each control plane 11, all of them root's, so a garden with a shoot of two workers some 72. */
const inotifyNeeded = 96
/** What ten machines, as many as the cloud gives, can use. */
const inotifyAmple = 256

/** Every check, in the order in which a person would mend things. */
export function allChecks(installation: Installation): readonly Check[] {
  return [
    { name: 'operating system', ask: askPlatform },
    { name: 'root', ask: askRoot },
    { name: 'cgroup controllers', ask: askControlGroups },
    ...kernelFeatures.map(({ name, probe, remedy }) => ({
      name,
      ask: (host: HostView) => askKernel(host, probe, remedy),
    })),
    { name: 'TUN device', ask: askTun },
    { name: 'WireGuard', ask: askWireGuard },
    { name: 'memory', ask: askMemory },
    { name: 'inotify instances', ask: askInotify },
    { name: 'disk', ask: (host) => askDisk(host, installation) },
    { name: 'address range', ask: (host) => askAddressRange(host, installation) },
  ]
}

async function askPlatform(host: HostView): Promise<Verdict> {
  return host.platform === 'linux'
    ? well('Linux')
    : problem(`this is ${host.platform}`, 'use a Linux machine, or a Linux virtual machine on this one')
}

async function askRoot(host: HostView): Promise<Verdict> {
  return host.userId === 0 ? well('yes') : problem('not root', 'run it as root, for example with sudo')
}

const neededControllers = ['cpu', 'memory', 'pids'] as const

async function askControlGroups(host: HostView): Promise<Verdict> {
  const unified = await host.readFile('/sys/fs/cgroup/cgroup.controllers')
  const available = unified === undefined ? await mountedControllers(host) : new Set(unified.trim().split(/\s+/))
  const missing = neededControllers.filter((name) => !available.has(name))
  if (missing.length === 0) return well(unified === undefined ? 'version 1' : 'version 2')
  return problem(
    `missing: ${missing.join(', ')}`,
    'boot the kernel with them enabled (cgroup_enable=memory on some systems) and mount them under /sys/fs/cgroup',
  )
}

async function mountedControllers(host: HostView): Promise<ReadonlySet<string>> {
  const mounts = (await host.readFile('/proc/mounts')) ?? ''
  return new Set(
    mounts
      .split('\n')
      .map((line) => line.split(' '))
      .filter((fields) => fields[2] === 'cgroup')
      .flatMap((fields) => (fields[3] ?? '').split(',')),
  )
}

interface KernelFeature {
  readonly name: string
  /** Shell text run in a mount and network namespace of its own, so that it leaves nothing behind. */
  readonly probe: string
  readonly remedy: string
}

const kernelFeatures: readonly KernelFeature[] = [
  {
    name: 'network namespaces, veth, bridge',
    probe: 'ip link add probe0 type veth peer name probe1 && ip link add probe2 type bridge',
    remedy: 'use a kernel with CONFIG_NET_NS, CONFIG_VETH and CONFIG_BRIDGE (modprobe veth bridge)',
  },
  {
    name: 'nftables with NAT',
    probe:
      'nft add table ip probe && nft add chain ip probe nat "{ type nat hook prerouting priority -100; }" && nft add rule ip probe nat tcp dport 1 dnat to 192.0.2.1',
    remedy: 'use a kernel with CONFIG_NF_TABLES and CONFIG_NFT_NAT (modprobe nf_tables nft_nat)',
  },
  {
    name: 'overlay file system',
    probe:
      'mount -t tmpfs none /mnt && mkdir /mnt/a /mnt/b /mnt/c /mnt/d && mount -t overlay none -o lowerdir=/mnt/a,upperdir=/mnt/b,workdir=/mnt/c /mnt/d',
    remedy: 'use a kernel with CONFIG_OVERLAY_FS (modprobe overlay)',
  },
]

async function askKernel(host: HostView, probe: string, remedy: string): Promise<Verdict> {
  const result = await host.run('unshare', ['--mount', '--net', 'sh', '-c', probe])
  if (result === undefined) return problem('unshare is missing', 'install util-linux')
  if (result.code === 0) return well('works')
  return /not found/.test(result.output) && result.code === 127
    ? warning('its tool is not installed yet', 'trellis up installs iproute2 and nftables')
    : problem(firstLine(result.output), remedy)
}

async function askTun(host: HostView): Promise<Verdict> {
  return (await host.exists('/dev/net/tun'))
    ? well('/dev/net/tun')
    : problem('/dev/net/tun is missing', 'load the tun module (modprobe tun) or let the container have the device')
}

async function askWireGuard(host: HostView): Promise<Verdict> {
  const result = await host.run('unshare', ['--net', 'ip', 'link', 'add', 'probe0', 'type', 'wireguard'])
  return well(result?.code === 0 ? 'in the kernel' : 'in user space (the kernel has none)')
}

async function askMemory(host: HostView): Promise<Verdict> {
  const text = (await host.readFile('/proc/meminfo')) ?? ''
  const available = Number(/^MemAvailable:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024
  const found = `${inGibibytes(available)} GiB available`
  return available >= memoryNeededBytes
    ? well(found)
    : problem(`${found}, ${inGibibytes(memoryNeededBytes)} GiB needed`, 'end other programs or use a larger machine')
}

async function askInotify(host: HostView): Promise<Verdict> {
  const limit = Number((await host.readFile('/proc/sys/fs/inotify/max_user_instances')) ?? Number.NaN)
  if (Number.isNaN(limit)) return warning('their limit cannot be read', 'mount /proc, or look at it by sysctl')
  if (limit >= inotifyAmple) return well(`${limit} for each user`)
  const remedy = 'allow more: sysctl -w fs.inotify.max_user_instances=1024'
  return limit >= inotifyNeeded
    ? warning(`${limit} for each user; from five machines on programs may fail with "Too many open files"`, remedy)
    : problem(`${limit} for each user, ${inotifyNeeded} needed`, remedy)
}

async function askDisk(host: HostView, installation: Installation): Promise<Verdict> {
  for (const directory of [installation.cacheDirectory, installation.stateDirectory]) {
    const free = await host.freeBytes(directory)
    if (free < diskNeededBytes) {
      return problem(
        `${inGibibytes(free)} GiB free for ${directory}, ${inGibibytes(diskNeededBytes)} GiB needed`,
        'free some space, or move it elsewhere with TRELLIS_CACHE and TRELLIS_STATE',
      )
    }
  }
  return well(`${inGibibytes(await host.freeBytes(installation.stateDirectory))} GiB free`)
}

async function askAddressRange(host: HostView, installation: Installation): Promise<Verdict> {
  const range = publicRange(installation)
  const result = await host.run('ip', ['-4', 'route', 'show', 'root', range])
  if (result === undefined) return warning('not looked at: ip is not installed yet', 'trellis up installs iproute2')
  const strangers = result.output
    .split('\n')
    .filter((line) => line !== '' && !line.includes(`dev ${installation.name}-`))
  const [first] = strangers
  return first === undefined
    ? well(range)
    : problem(`${range} is in use: ${first.trim()}`, 'choose another with TRELLIS_PUBLIC_PREFIX, as in 198.19')
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? ''
}

function inGibibytes(bytes: number): string {
  return (bytes / gibibyte).toFixed(1)
}
