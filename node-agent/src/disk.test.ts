import { readdir, stat, writeFile } from 'node:fs/promises'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { describe, expect, it } from 'vitest'
import { createDisk } from './disk.ts'

describe('createDisk', () => {
  it('writes whole files with their mode, leaves nothing else behind, and tells whether it had to', async () => {
    await using directory = await createTemporaryDirectory()
    const disk = createDisk(directory.path)
    expect(await disk.write('/etc/a/secret', 'one', 0o600)).toBe(true)
    expect(await disk.write('/etc/a/secret', 'one', 0o600)).toBe(false)
    expect(await disk.write('/etc/a/secret', 'one', 0o640)).toBe(true)
    expect(await disk.write('/etc/a/secret', 'two', 0o640)).toBe(true)
    expect(await disk.read('/etc/a/secret')).toBe('two')
    expect((await stat(disk.resolve('/etc/a/secret'))).mode & 0o777).toBe(0o640)
    expect(await readdir(disk.resolve('/etc/a'))).toEqual(['secret'])
  })

  it('knows missing files from empty ones', async () => {
    await using directory = await createTemporaryDirectory()
    const disk = createDisk(directory.path)
    expect(await disk.read('/nothing')).toBeUndefined()
    await disk.write('/empty', '', 0o644)
    expect(await disk.read('/empty')).toBe('')
    expect(await disk.exists('/empty')).toBe(true)
  })

  it('tells when a file appears, also one that is there already', async () => {
    await using directory = await createTemporaryDirectory()
    const disk = createDisk(directory.path)
    const signal = new AbortController().signal
    const appeared = disk.appeared('/pki/current.pem', signal)
    await disk.write('/pki/other.pem', 'x', 0o600)
    await disk.write('/pki/current.pem', 'x', 0o600)
    await appeared
    await disk.appeared('/pki/current.pem', signal)
  })

  it('stops waiting when it is asked to', async () => {
    await using directory = await createTemporaryDirectory()
    const stop = new AbortController()
    const appeared = createDisk(directory.path).appeared('/never', stop.signal)
    stop.abort(new Error('enough'))
    await expect(appeared).rejects.toThrow('enough')
  })

  it('watches a directory that does not exist yet', async () => {
    await using directory = await createTemporaryDirectory()
    const disk = createDisk(directory.path)
    const stop = new AbortController()
    const changed = Promise.withResolvers<string>()
    await disk.watchDirectory('/new', changed.resolve, stop.signal)
    await writeFile(disk.resolve('/new/file'), 'x')
    expect(await changed.promise).toBe('file')
    stop.abort()
  })
})
