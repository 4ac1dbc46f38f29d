import { describe, expect, it } from 'vitest'
import { readInstallation } from '../installation.ts'
import type { HostView } from './check.ts'
import { allChecks } from './checks.ts'
import { examine, renderFindings, requireHealthy, requireRoot } from './doctor.ts'

const gibibyte = 1024 ** 3
const checks = allChecks(readInstallation({}, '/repository'))

/** A host on which everything works, but for what the test changes. */
function host(changes: Partial<HostView> & { readonly files?: Readonly<Record<string, string>> } = {}): HostView {
  const files: Readonly<Record<string, string>> = {
    '/sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io memory pids\n',
    '/proc/meminfo': 'MemTotal: 33554432 kB\nMemAvailable: 16777216 kB\n',
    '/proc/sys/fs/inotify/max_user_instances': '1024\n',
    ...changes.files,
  }
  return {
    userId: 0,
    platform: 'linux',
    readFile: async (path) => files[path],
    exists: async () => true,
    freeBytes: async () => 50 * gibibyte,
    run: async () => ({ code: 0, output: '' }),
    ...changes,
  }
}

const withoutUnified = { '/sys/fs/cgroup/cgroup.controllers': undefined as unknown as string }

describe('doctor', () => {
  it('finds nothing wrong with a good host', async () => {
    const findings = await examine(host(), checks)
    expect(findings.map(({ verdict }) => verdict.kind)).toEqual(findings.map(() => 'well'))
    expect(() => requireHealthy(findings)).not.toThrow()
  })

  it('accepts cgroup version 1 when every controller is mounted', async () => {
    const mounts = ['cpu,cpuacct', 'memory', 'pids'].map(
      (name) => `cgroup /sys/fs/cgroup/${name} cgroup rw,relatime,${name} 0 0`,
    )
    const findings = await examine(host({ files: { ...withoutUnified, '/proc/mounts': mounts.join('\n') } }), checks)
    expect(findings.find(({ name }) => name === 'cgroup controllers')?.verdict).toEqual({
      kind: 'well',
      found: 'version 1',
    })
  })

  it.each([
    ['not root', host({ userId: 1000 }), /^root: not root$/],
    ['another system', host({ platform: 'darwin' }), /^operating system: this is darwin$/],
    [
      'missing controllers',
      host({ files: { '/sys/fs/cgroup/cgroup.controllers': 'cpu\n' } }),
      /^cgroup controllers: missing: memory, pids$/,
    ],
    ['no TUN', host({ exists: async () => false }), /^TUN device: /],
    ['little memory', host({ files: { '/proc/meminfo': 'MemAvailable: 1048576 kB' } }), /^memory: 1.0 GiB available/],
    [
      'few inotify instances',
      host({ files: { '/proc/sys/fs/inotify/max_user_instances': '64\n' } }),
      /^inotify instances: 64 for each user, 96 needed/,
    ],
    ['full disk', host({ freeBytes: async () => gibibyte }), /^disk: 1.0 GiB free/],
    [
      'a missing kernel feature',
      host({ run: async (program) => ({ code: program === 'unshare' ? 2 : 0, output: 'Operation not supported' }) }),
      /^network namespaces, veth, bridge: Operation not supported$/,
    ],
    [
      'a taken address range',
      host({
        run: async (program) => ({ code: 0, output: program === 'ip' ? '198.18.0.0/16 via 10.0.0.1 dev eth0\n' : '' }),
      }),
      /^address range: 198.18.0.0\/16 is in use: 198.18.0.0\/16 via 10.0.0.1 dev eth0$/,
    ],
  ])('names %s and what to do', async (_what, bad, message) => {
    const findings = await examine(bad, checks)
    expect(() => requireHealthy(findings)).toThrow(message)
    expect(renderFindings(findings)).toContain('FAIL')
  })

  it.each(['128', undefined])('warns of an inotify limit of %s, and goes on', async (limit) => {
    const files = { '/proc/sys/fs/inotify/max_user_instances': limit as string }
    const findings = await examine(host({ files }), checks)
    expect(findings.find(({ name }) => name === 'inotify instances')?.verdict.kind).toBe('warning')
    expect(() => requireHealthy(findings)).not.toThrow()
  })

  it('does not take its own route for a stranger', async () => {
    const own = host({
      run: async () => ({ code: 0, output: '198.18.0.0/16 dev trellis-host proto kernel\n' }),
    })
    const findings = await examine(own, checks)
    expect(findings.find(({ name }) => name === 'address range')?.verdict.kind).toBe('well')
  })

  it('lets nobody but root begin', () => {
    expect(() => requireRoot({ userId: 1000 })).toThrow(expect.objectContaining({ kind: 'Unauthorized' }))
    expect(() => requireRoot({ userId: 0 })).not.toThrow()
  })
})
