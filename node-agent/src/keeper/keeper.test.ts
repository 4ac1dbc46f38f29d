import { chmod, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createSilentLog } from '@trellis/foundation/log'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it, vi } from 'vitest'
import { createFakeSystemd } from '../../testing/fakes.ts'
import type { DesiredFile } from '../desired-files.ts'
import { createDisk } from '../disk.ts'
import type { UnitName } from '../systemd.ts'
import { createKeeper, restoreFiles } from './keeper.ts'

function setUp(root: string, probe: (unit: UnitName) => Promise<boolean>) {
  const clock = createVirtualClock()
  const stop = new AbortController()
  const systemd = createFakeSystemd()
  const disk = createDisk(root)
  const restarted: UnitName[] = []
  const options = {
    clock,
    log: createSilentLog(),
    disk,
    systemd,
    signal: stop.signal,
    probe,
    onRestart: (unit: UnitName) => void restarted.push(unit),
  }
  return { clock, stop, systemd, disk, restarted, options, keeper: createKeeper(options) }
}

const files: readonly DesiredFile[] = [
  { path: '/etc/containerd/config.toml', mode: 0o644, content: 'version = 3\n', unit: 'containerd' },
  { path: '/etc/kubernetes/token', mode: 0o600, content: 'token\n' },
]

describe('guardUnit', () => {
  it('starts a unit anew that stopped answering, and counts it', async () => {
    const { keeper, clock, systemd, restarted, stop } = setUp('/nowhere', async () => false)
    keeper.guardUnit('kubelet')
    await clock.advance(29_000)
    expect(systemd.calls).toEqual([])
    await clock.advance(2_000)
    expect(systemd.calls).toEqual(['restart kubelet'])
    expect(restarted).toEqual(['kubelet'])
    stop.abort()
  })

  it('takes a probe that breaks for no answer', async () => {
    const { keeper, clock, systemd, stop } = setUp('/nowhere', () => Promise.reject(new Error('broken')))
    keeper.guardUnit('containerd')
    await clock.advance(31_000)
    expect(systemd.calls).toEqual(['restart containerd'])
    stop.abort()
  })

  it('looks after each unit once, and after none when it is told to stop', async () => {
    const probed: UnitName[] = []
    const { keeper, clock, stop } = setUp('/nowhere', async (unit) => {
      probed.push(unit)
      return true
    })
    keeper.guardUnit('kubelet')
    keeper.guardUnit('kubelet')
    await clock.advance(10_000)
    expect(probed).toEqual(['kubelet'])
    stop.abort()
    await clock.advance(60_000)
    expect(probed).toEqual(['kubelet'])
    expect(clock.pending()).toEqual([])
  })
})

describe('restoreFiles', () => {
  it('writes what is missing, altered or open to others, and starts the units anew that read it', async () => {
    await using directory = await createTemporaryDirectory()
    const { disk, options, systemd, restarted } = setUp(directory.path, async () => true)
    await restoreFiles(files, options)
    systemd.calls.length = 0
    restarted.length = 0
    await writeFile(disk.resolve('/etc/containerd/config.toml'), 'version = 2\n')
    await chmod(disk.resolve('/etc/kubernetes/token'), 0o644)
    await restoreFiles(files, options)
    expect(await readFile(disk.resolve('/etc/containerd/config.toml'), 'utf8')).toBe('version = 3\n')
    expect((await stat(disk.resolve('/etc/kubernetes/token'))).mode & 0o777).toBe(0o600)
    expect(systemd.calls).toEqual(['enable containerd', 'restart containerd'])
    expect(restarted).toEqual(['containerd'])
  })

  it('does nothing when all is as it should be', async () => {
    await using directory = await createTemporaryDirectory()
    const { options, systemd } = setUp(directory.path, async () => true)
    await restoreFiles(files, options)
    systemd.calls.length = 0
    await restoreFiles(files, options)
    expect(systemd.calls).toEqual([])
  })
})

describe('guardFiles', () => {
  it('notices that a file was removed, and restores it once however many movements it took', async () => {
    await using directory = await createTemporaryDirectory()
    const { clock, disk, options, keeper, systemd, stop } = setUp(directory.path, async () => true)
    await restoreFiles(files, options)
    await keeper.guardFiles(files)
    systemd.calls.length = 0
    await writeFile(disk.resolve('/etc/containerd/config.toml'), 'broken')
    await rm(disk.resolve('/etc/containerd/config.toml'))
    await vi.waitFor(() => expect(clock.pending()).toHaveLength(1))
    await clock.advance(500)
    await vi.waitFor(() => expect(systemd.calls).toEqual(['enable containerd', 'restart containerd']))
    expect(await disk.read('/etc/containerd/config.toml')).toBe('version = 3\n')
    stop.abort()
  })
})
