import { existsSync } from 'node:fs'
import { readFile, statfs } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import type { Limits } from './quota.ts'

/** What a machine's configuration depends on beside what was asked for. */
export interface HostFacts {
  readonly cores: number
  readonly memoryBytes: number
  readonly cgroupVersion: 1 | 2
  /** Names of the capabilities that this process may hand on, as in `CAP_NET_ADMIN`. */
  readonly capabilities: readonly string[]
  /** Most open files that a process may be allowed. */
  readonly openFilesLimit: number
  /** Most inotify instances that root's processes may have together, machines included. */
  readonly inotifyInstances: number
  /** Device files of the host that a machine may use too. */
  readonly devices: readonly MachineDevice[]
}

/** A character device. */
export interface MachineDevice {
  readonly path: string
  readonly major: number
  readonly minor: number
}

/** Devices that containers inside a machine, a tunnel or kubelet's out-of-memory watcher want. */
const wantedDevices: readonly MachineDevice[] = [
  { path: '/dev/net/tun', major: 10, minor: 200 },
  { path: '/dev/kmsg', major: 1, minor: 11 },
  { path: '/dev/fuse', major: 10, minor: 229 },
]

const inotifyInstancesFile = '/proc/sys/fs/inotify/max_user_instances'
/** What a machine with kubelet, containerd and a few watchful pods was seen to take, and what the host itself needs. */
const inotifyInstancesPerMachine = 16
const inotifyInstancesOfHost = 32

/** File system type of a hierarchy of cgroup version 2. */
const cgroup2Magic = 0x63677270

/** In the order of their bits, as Linux numbers them. */
const capabilityNames = [
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_ADMIN',
  'NET_RAW',
  'IPC_LOCK',
  'IPC_OWNER',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_CHROOT',
  'SYS_PTRACE',
  'SYS_PACCT',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_NICE',
  'SYS_RESOURCE',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'MKNOD',
  'LEASE',
  'AUDIT_WRITE',
  'AUDIT_CONTROL',
  'SETFCAP',
  'MAC_OVERRIDE',
  'MAC_ADMIN',
  'SYSLOG',
  'WAKE_ALARM',
  'BLOCK_SUSPEND',
  'AUDIT_READ',
  'PERFMON',
  'BPF',
  'CHECKPOINT_RESTORE',
]

/** Looks at the host once. */
export async function observeHost(): Promise<HostFacts> {
  const status = await readFile('/proc/self/status', 'utf8')
  const limits = await readFile('/proc/self/limits', 'utf8')
  return {
    cores: cpus().length,
    memoryBytes: totalmem(),
    cgroupVersion: (await statfs('/sys/fs/cgroup')).type === cgroup2Magic ? 2 : 1,
    capabilities: parseCapabilities(status),
    openFilesLimit: parseOpenFilesLimit(limits),
    inotifyInstances: Number(await readFile(inotifyInstancesFile, 'utf8')),
    devices: wantedDevices.filter((device) => existsSync(device.path)),
  }
}

/** Names of the capabilities in the bounding set of a `/proc/<pid>/status`. */
export function parseCapabilities(status: string): readonly string[] {
  const bits = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`)
  return capabilityNames.filter((_, bit) => (bits >> BigInt(bit)) & 1n).map((name) => `CAP_${name}`)
}

/** The hard limit of open files in a `/proc/<pid>/limits`. */
export function parseOpenFilesLimit(limits: string): number {
  const hard = /^Max open files\s+\S+\s+(\d+|unlimited)/m.exec(limits)?.[1]
  return hard === undefined || hard === 'unlimited' ? 1_048_576 : Number(hard)
}

/**
 * Limits that suit a host of this size. Cores are shares and memory is a ceiling that machines rarely touch (a garden of 8 GiB uses two
 * with one shoot in it), so both may be promised more than once.
 */
export function defaultLimits(facts: Pick<HostFacts, 'cores' | 'memoryBytes'>): Limits {
  return { servers: 10, cores: 4 * facts.cores, memoryBytes: 2 * facts.memoryBytes }
}

/** What of the host will hinder this many machines, as sentences with a remedy. Nothing of it is changed, because it is not the cloud's. */
export function warningsOf(facts: Pick<HostFacts, 'inotifyInstances'>, limits: Limits): readonly string[] {
  const wanted = inotifyInstancesOfHost + limits.servers * inotifyInstancesPerMachine
  if (facts.inotifyInstances >= wanted) return []
  const machines = Math.max(
    0,
    Math.floor((facts.inotifyInstances - inotifyInstancesOfHost) / inotifyInstancesPerMachine),
  )
  const name = 'fs.inotify.max_user_instances'
  return [
    `${name} is ${facts.inotifyInstances}, enough for about ${machines} machines of ${limits.servers} (raise it with: sysctl -w ${name}=${wanted})`,
  ]
}
