import { describe, expect, it } from 'vitest'
import { exampleFacts } from '../testing/examples.ts'
import { bundleOf, machineDirectoriesOf } from './bundle.ts'
import type { HostFacts } from './host-facts.ts'

interface Bundle {
  readonly hostname: string
  readonly process: {
    capabilities: Record<string, string[]>
    rlimits: { soft: number; hard: number }[]
    args: string[]
  }
  readonly mounts: { destination: string; type: string; source: string; options: string[] }[]
  readonly linux: {
    namespaces: { type: string; path?: string }[]
    cgroupsPath: string
    devices: { path: string }[]
    resources: { memory: { limit: number }; cpu: { shares: number }; pids: { limit: number } }
    rootfsPropagation: string
  }
}

function bundle(facts: Partial<HostFacts> = {}): Bundle {
  const request = {
    instance: 'test',
    serverId: 'srv-11111111',
    name: 'one',
    flavor: { name: 'medium', cores: 2, memoryBytes: 4 * 2 ** 30 },
    directories: machineDirectoriesOf('/state/machines', 'srv-11111111'),
    consoleDevice: '/dev/pts/7',
  }
  return bundleOf(request, { ...exampleFacts, ...facts }) as Bundle
}

describe.each([1, 2] as const)('a bundle on cgroup version %i', (cgroupVersion) => {
  const made = bundle({ cgroupVersion })

  it('limits what the flavor says, below the installation’s own group', () => {
    expect(made.linux.cgroupsPath).toBe('/test/srv-11111111')
    expect(made.linux.resources).toMatchObject({ memory: { limit: 4 * 2 ** 30 }, cpu: { shares: 2048 } })
    expect(made.linux.resources.pids.limit).toBeGreaterThan(1000)
  })

  it('has kernel namespaces of its own and the prepared network', () => {
    expect(made.linux.namespaces).toEqual([
      { type: 'pid' },
      { type: 'ipc' },
      { type: 'uts' },
      { type: 'mount' },
      { type: 'cgroup' },
      { type: 'network', path: '/run/netns/test-srv-11111111' },
    ])
    expect(made.hostname).toBe('one')
  })

  it('mounts the control groups writable', () => {
    expect(made.mounts.find((mount) => mount.destination === '/sys/fs/cgroup')).toMatchObject({
      type: 'cgroup',
      options: expect.arrayContaining(['rw']),
    })
  })
})

describe('a bundle', () => {
  it('hands on the capabilities and files that the host can give', () => {
    const made = bundle({ capabilities: ['CAP_CHOWN', 'CAP_NET_ADMIN'], openFilesLimit: 4096 })
    expect(made.process.capabilities).toMatchObject({
      bounding: ['CAP_CHOWN', 'CAP_NET_ADMIN'],
      effective: ['CAP_CHOWN', 'CAP_NET_ADMIN'],
      permitted: ['CAP_CHOWN', 'CAP_NET_ADMIN'],
    })
    expect(made.process.rlimits).toEqual([{ type: 'RLIMIT_NOFILE', soft: 4096, hard: 4096 }])
    expect(made.process.args).toEqual(['/sbin/init'])
  })

  it('has only devices that the host has', () => {
    expect(bundle({ devices: [] }).linux.devices).toEqual([])
    expect(bundle().linux.devices).toEqual([
      { type: 'c', fileMode: 0o666, uid: 0, gid: 0, path: '/dev/net/tun', major: 10, minor: 200 },
    ])
  })

  it('takes real directories for containers, and shares kubelet’s mounts', () => {
    const bind = (destination: string) => bundle().mounts.find((mount) => mount.destination === destination)
    expect(bind('/var/lib/containerd')).toMatchObject({
      type: 'bind',
      source: '/state/machines/srv-11111111/containerd',
    })
    expect(bind('/var/lib/kubelet')?.options).toContain('rshared')
    expect(bind('/dev/console')).toMatchObject({ source: '/dev/pts/7' })
    expect(bundle().linux.rootfsPropagation).toBe('rshared')
  })
})
