import { readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { expect, test } from 'vitest'
import { createFakeRunner } from '../../testing/fake-runner.ts'
import { createCache, keyOf, type Maker } from './cache.ts'

const key = keyOf('tool', ['v1'])

async function setUp() {
  const directory = await createTemporaryDirectory()
  const clock = createVirtualClock()
  const cache = createCache(clock, createSeededRandom('cache'), createFakeRunner(), directory.path)
  let made = 0
  const make: Maker = async (content) => {
    made++
    await writeFile(join(content, 'program'), 'bytes')
    return 'build'
  }
  return {
    cache,
    clock,
    root: directory.path,
    make,
    timesMade: () => made,
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  }
}

test('what was made once is found and not made again', async () => {
  await using house = await setUp()
  const first = await house.cache.obtain('tool', key, house.make)
  const second = await house.cache.obtain('tool', key, house.make)
  expect(house.timesMade()).toBe(1)
  expect(first).toMatchObject({ source: 'build', fresh: true })
  expect(second).toEqual({ ...first, fresh: false })
  expect(await house.cache.find('tool', key)).toEqual(second)
})

test('other inputs make another entry', async () => {
  await using house = await setUp()
  await house.cache.obtain('tool', key, house.make)
  await house.cache.obtain('tool', keyOf('tool', ['v2']), house.make)
  expect(house.timesMade()).toBe(2)
})

test('keys tell apart inputs that look alike when joined', () => {
  expect(keyOf('tool', ['ab', 'c'])).not.toBe(keyOf('tool', ['a', 'bc']))
  expect(keyOf('tool', ['a'])).not.toBe(keyOf('tool', ['a', '']))
})

test('a maker that fails leaves nothing behind', async () => {
  await using house = await setUp()
  const failing: Maker = async (content) => {
    await writeFile(join(content, 'half'), '')
    throw new Failure('Unavailable', 'no network')
  }
  await expect(house.cache.obtain('tool', key, failing)).rejects.toThrow('no network')
  expect(await readdir(join(house.root, 'tool'))).toEqual([])
  expect(await house.cache.find('tool', key)).toBeUndefined()
})

test('what a killed maker left is removed by the next one', async () => {
  await using house = await setUp()
  await house.cache.obtain('tool', key, house.make)
  await writeFile(join(house.root, 'tool', '.making-rest'), 'half')
  await house.cache.obtain('tool', keyOf('tool', ['v2']), house.make)
  expect((await readdir(join(house.root, 'tool'))).filter((name) => name.startsWith('.'))).toEqual([])
})

const damages: Readonly<Record<string, (entry: string) => Promise<void>>> = {
  'a file cut short': (entry) => truncate(join(entry, 'content/program'), 1),
  'a file removed': (entry) => rm(join(entry, 'content/program')),
  'a file added': (entry) => writeFile(join(entry, 'content/virus'), ''),
  'a manifest cut short': (entry) => truncate(join(entry, 'entry.json'), 10),
  'no content at all': (entry) => rm(join(entry, 'content'), { recursive: true }),
}

test.each(Object.entries(damages))('an entry with %s is made anew', async (_what, damage) => {
  await using house = await setUp()
  const before = await house.cache.obtain('tool', key, house.make)
  await damage(join(house.root, 'tool', key))
  expect(await house.cache.find('tool', key)).toBeUndefined()
  const after = await house.cache.obtain('tool', key, house.make)
  expect(after.digest).toBe(before.digest)
  expect(house.timesMade()).toBe(2)
  expect(await house.cache.find('tool', key)).toBeDefined()
})

test('pruning removes the least recently used entries that nothing runs from', async () => {
  await using house = await setUp()
  const directories: string[] = []
  for (const version of ['v1', 'v2', 'v3', 'v4']) {
    const versionKey = keyOf('tool', [version])
    await house.cache.obtain('tool', versionKey, house.make)
    await house.clock.advance(1000)
    directories.push((await house.cache.find('tool', versionKey))?.directory ?? '')
  }
  const removed = await house.cache.prune('tool', 2, (directory) => directories[0]?.startsWith(directory) === true)
  expect(removed).toEqual([join(directories[1] ?? '', '..')])
  expect(await house.cache.find('tool', keyOf('tool', ['v1']))).toBeDefined()
  expect(await house.cache.find('tool', keyOf('tool', ['v2']))).toBeUndefined()
})
