import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createParser } from '@trellis/foundation/schema'
import { Type } from 'typebox'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readStored, readText, writeWhole } from './store.ts'
import { takeLock } from './up/lock.ts'
import { createProgressWriter, readProgress } from './up/progress-file.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'trellis-store-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const { parse } = createParser(Type.Object({ name: Type.String() }), 'test')

describe('writeWhole and readStored', () => {
  it('write and read again, for the owner only', async () => {
    const path = join(directory, 'a', 'b.json')
    await writeWhole(path, '{"name":"x"}')
    expect(await readStored(path, parse)).toEqual({ name: 'x' })
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readdir(join(directory, 'a'))).toEqual(['b.json'])
  })

  it('tell an absent file from a damaged one', async () => {
    const path = join(directory, 'damaged.json')
    expect(await readText(path)).toBeUndefined()
    expect(await readStored(path, parse)).toBeUndefined()
    await writeFile(path, '{"name":')
    await expect(readStored(path, parse)).rejects.toThrow(`${path} is damaged`)
    await writeFile(path, '{"name":1}')
    await expect(readStored(path, parse)).rejects.toThrow(`${path} is damaged`)
  })
})

describe('takeLock', () => {
  it('is held by one at a time', async () => {
    const path = join(directory, 'run', 'up.lock')
    {
      await using _held = await takeLock(path)
      await expect(takeLock(path)).rejects.toMatchObject({ kind: 'Conflict' })
    }
    await using _again = await takeLock(path)
  })

  it('is taken over from a process that no longer runs', async () => {
    const path = join(directory, 'run', 'stale.lock')
    await writeFile(path, '4194305\n')
    await using _lock = await takeLock(path)
    expect(await readText(path)).toBe(`${process.pid}\n`)
  })
})

describe('progress', () => {
  it('keeps the last of many writes', async () => {
    const path = join(directory, 'progress.json')
    const writer = createProgressWriter(path)
    for (let step = 0; step < 50; step++) {
      const tasks = [{ id: 'parts', state: 'Running' as const, tries: step, startedAt: 1 }]
      writer.write({ pid: 1, startedAt: 0, ready: false, tasks })
    }
    await writer.flush()
    expect((await readProgress(path))?.tasks[0]?.tries).toBe(49)
  })
})
