import { statfsSync } from 'node:fs'
import { access, readFile } from 'node:fs/promises'
import { availableParallelism, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { isDnsSubdomain } from '@trellis/api/names'
import { Failure } from '@trellis/foundation/failure'

/** What the agent found out about the machine that it runs on. */
export interface HostFacts {
  readonly cgroupVersion: 1 | 2
  /** Whether this is a container: processes of the host are beyond reach, and the kernel is shared. */
  readonly container: boolean
  /** Whether CAP_SYS_RESOURCE may be had: without it neither negative oom scores nor higher limits can be set. */
  readonly sysResource: boolean
  /** Whether user 0 is user 0 of the host. */
  readonly initialUserNamespace: boolean
  /** Memory that the kernel claims to have. */
  readonly totalMemoryBytes: number
  /** Memory that this machine's cgroup may use; undefined when unlimited. */
  readonly memoryLimitBytes: number | undefined
  readonly cores: number
  /** Interface of the default route, its MTU and its first IPv4 address. */
  readonly interfaceName: string
  readonly interfaceMtu: number
  readonly address: string
  /** What the instance metadata told cloud-init. */
  readonly instanceId: string | undefined
  /** What the instance metadata told cloud-init that this machine is called, in full. */
  readonly localHostname: string | undefined
  readonly runcPath: string
  readonly resolvConfPath: string
  /** When the machine was started, in milliseconds since the epoch. */
  readonly bootedAt: number
}

/** Number of CAP_SYS_RESOURCE. */
const sysResourceBit = 24n

/** What cloud-init has learnt from the metadata, whichever service that came from; root may read all of it. */
const instanceDataPaths = ['/run/cloud-init/instance-data-sensitive.json', '/run/cloud-init/instance-data.json']

/** `cgroup2` in the file system type that statfs tells. */
const cgroup2Magic = 0x63677270

/** Reads the facts of this machine. Throws `Unavailable` while there is no default route yet, `NotFound` when there is no runc. */
export async function probeHostFacts(now: number): Promise<HostFacts> {
  const cgroupVersion = statfsSync('/sys/fs/cgroup').type === cgroup2Magic ? 2 : 1
  const network = await probeNetwork()
  const limitPath = cgroupVersion === 2 ? '/sys/fs/cgroup/memory.max' : '/sys/fs/cgroup/memory/memory.limit_in_bytes'
  const totalMemoryBytes = parseTotalMemory(await readFile('/proc/meminfo', 'utf8'))
  return {
    cgroupVersion,
    container: parseContainer((await text('/proc/1/environ')) ?? '', await text('/run/systemd/container')),
    sysResource: parseSysResource(await readFile('/proc/self/status', 'utf8')),
    initialUserNamespace: parseInitialUserNamespace((await text('/proc/self/uid_map')) ?? ''),
    totalMemoryBytes,
    memoryLimitBytes: parseMemoryLimit(await text(limitPath), totalMemoryBytes),
    cores: availableParallelism(),
    ...network,
    instanceId: (await text('/var/lib/cloud/data/instance-id'))?.trim(),
    localHostname: parseLocalHostname(await firstText(instanceDataPaths)),
    runcPath: await firstOf(['/opt/trellis/bin/runc', '/usr/local/sbin/runc', '/usr/sbin/runc', '/usr/bin/runc']),
    resolvConfPath: await firstOf(['/run/systemd/resolve/resolv.conf', '/etc/resolv.conf']),
    bootedAt: now - parseUptimeMilliseconds((await text('/proc/1/stat')) ?? '', await readFile('/proc/uptime', 'utf8')),
  }
}

async function probeNetwork(): Promise<Pick<HostFacts, 'interfaceName' | 'interfaceMtu' | 'address'>> {
  const interfaceName = parseDefaultInterface(await readFile('/proc/net/route', 'utf8'))
  if (interfaceName === undefined) throw new Failure('Unavailable', 'this machine has no default route yet')
  const address = networkInterfaces()[interfaceName]?.find((entry) => entry.family === 'IPv4')?.address
  if (address === undefined) throw new Failure('Unavailable', `interface ${interfaceName} has no IPv4 address yet`)
  const mtu = Number(await readFile(join('/sys/class/net', interfaceName, 'mtu'), 'utf8'))
  return { interfaceName, interfaceMtu: mtu, address }
}

/** Whether process 1 was told that it is in a container, as container managers do. */
export function parseContainer(environment: string, systemdMark: string | undefined): boolean {
  return systemdMark !== undefined || environment.split('\0').some((entry) => /^container=./.test(entry))
}

/** Whether the bounding set of `/proc/<pid>/status` holds CAP_SYS_RESOURCE. */
export function parseSysResource(status: string): boolean {
  const set = /^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1]
  return set !== undefined && ((BigInt(`0x${set}`) >> sysResourceBit) & 1n) === 1n
}

/** Whether `/proc/<pid>/uid_map` maps every user to itself. */
export function parseInitialUserNamespace(map: string): boolean {
  return /^\s*0\s+0\s+4294967295\s*$/.test(map)
}

/** The `MemTotal` of `/proc/meminfo`, in bytes. */
export function parseTotalMemory(memoryInformation: string): number {
  return Number(/^MemTotal:\s+(\d+) kB$/m.exec(memoryInformation)?.[1] ?? 0) * 1024
}

/** A cgroup's memory limit; undefined when there is none, or none below what the machine has. */
export function parseMemoryLimit(limit: string | undefined, totalMemoryBytes: number): number | undefined {
  if (limit === undefined || limit.trim() === 'max') return undefined
  const bytes = Number(limit)
  return bytes > 0 && bytes < totalMemoryBytes ? bytes : undefined
}

/** The interface of the default route with the lowest metric in `/proc/net/route`. */
export function parseDefaultInterface(routes: string): string | undefined {
  return routes
    .split('\n')
    .slice(1)
    .map((line) => line.split(/\s+/))
    .filter((fields) => fields[1] === '00000000' && fields[7] === '00000000')
    .sort((a, b) => Number(a[6]) - Number(b[6]))[0]?.[0]
}

/** For how long process 1 has been running, from its `stat` and `/proc/uptime`: in a container the kernel is older than the machine. */
export function parseUptimeMilliseconds(stat: string, uptime: string): number {
  const kernelSeconds = Number(uptime.split(' ')[0])
  const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const startedSeconds = Number(afterName[19] ?? 0) / 100
  return Math.max(0, Math.round((kernelSeconds - startedSeconds) * 1000))
}

interface InstanceMetadata {
  readonly 'local-hostname'?: unknown
}

/**
 * The host name in cloud-init's account of the metadata, in lower case; undefined when it says none that could be a node's. The source for EC2 keeps EC2's own
 * name of the tree, `meta-data`, where others say `meta_data`.
 */
export function parseLocalHostname(instanceData: string | undefined): string | undefined {
  if (instanceData === undefined) return undefined
  try {
    const { ds } = JSON.parse(instanceData) as { ds?: { meta_data?: InstanceMetadata; 'meta-data'?: InstanceMetadata } }
    const metadata = ds?.['meta-data'] ?? ds?.meta_data
    const name = String(metadata?.['local-hostname'] ?? '').toLowerCase()
    return isDnsSubdomain(name) ? name : undefined
  } catch {
    return undefined
  }
}

async function firstText(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const found = await text(path)
    if (found !== undefined) return found
  }
  return undefined
}

async function text(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch {
    return undefined
  }
}

async function firstOf(paths: readonly string[]): Promise<string> {
  for (const path of paths) {
    try {
      await access(path)
      return path
    } catch {}
  }
  throw new Failure('NotFound', `this machine has none of ${paths.join(', ')}`, {
    remedy: 'use a machine image made by the distribution',
  })
}
