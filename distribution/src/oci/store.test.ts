import { link, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { expect, test } from 'vitest'
import { missingImages, shareFiles, storeFileLines, storeFolders } from './store.ts'

test('an image counts as there only when it is complete and unpacked', () => {
  const answer = [
    'REF          TYPE     DIGEST   STATUS         SIZE   UNPACKED',
    'example/a:1  manifest sha256:1 complete (2/2) 1/1    true',
    'example/b:1  manifest sha256:2 complete (2/2) 1/1    false',
    'example/c:1  manifest sha256:3 incomplete (1/2) 1/2  true',
  ].join('\n')
  expect(missingImages(answer, ['example/a:1', 'example/b:1', 'example/c:1', 'example/d:1'])).toEqual([
    'example/b:1',
    'example/c:1',
    'example/d:1',
  ])
})

async function plantStore(root: string): Promise<string> {
  const store = join(root, 'store')
  const folder = join(store, storeFolders.snapshots, 'snapshots/7/fs/usr/bin')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'program'), 'machine code', { mode: 0o755 })
  await mkdir(join(store, storeFolders.content, 'blobs/sha256'), { recursive: true })
  await writeFile(join(store, storeFolders.content, 'blobs/sha256/abc'), '')
  return store
}

test('databases are copied to the machine, blobs and snapshots linked', async () => {
  await using directory = await createTemporaryDirectory()
  const lines = await storeFileLines(await plantStore(directory.path), '/image/store', '/var/lib/containerd')
  const snapshots = storeFolders.snapshots
  expect(lines).toContain(
    `L /var/lib/containerd/${snapshots}/snapshots/7 - - - - /image/store/${snapshots}/snapshots/7`,
  )
  expect(lines).toContain(
    `C /var/lib/containerd/${snapshots}/metadata.db - - - - /image/store/${snapshots}/metadata.db`,
  )
  expect(lines.filter((line) => line.startsWith('L'))).toHaveLength(2)
  expect(lines.filter((line) => line.startsWith('C'))).toHaveLength(2)
})

test('a copy gives way to a link to the same bytes', async () => {
  await using directory = await createTemporaryDirectory()
  const store = await plantStore(directory.path)
  const source = join(directory.path, 'program')
  await writeFile(source, 'machine code', { mode: 0o755 })
  await shareFiles(store, [
    { path: '/usr/bin/program', source },
    { path: '/usr/bin/absent', source },
  ])
  const copy = await stat(join(store, storeFolders.snapshots, 'snapshots/7/fs/usr/bin/program'))
  expect(copy.ino).toBe((await stat(source)).ino)
})

test.each([
  ['size', 'other machine code', 0o755],
  ['mode', 'machine code', 0o700],
])('a file with another %s keeps its copy', async (_what, text, mode) => {
  await using directory = await createTemporaryDirectory()
  const store = await plantStore(directory.path)
  const source = join(directory.path, 'program')
  await writeFile(source, text, { mode })
  await link(source, join(directory.path, 'second'))
  await shareFiles(store, [{ path: '/usr/bin/program', source }])
  const copy = join(store, storeFolders.snapshots, 'snapshots/7/fs/usr/bin/program')
  expect((await stat(copy)).nlink).toBe(1)
  expect(await readFile(copy, 'utf8')).toBe('machine code')
})

test('a file whose source is gone keeps its copy', async () => {
  await using directory = await createTemporaryDirectory()
  const store = await plantStore(directory.path)
  await shareFiles(store, [{ path: '/usr/bin/program', source: join(directory.path, 'pruned') }])
  const copy = join(store, storeFolders.snapshots, 'snapshots/7/fs/usr/bin/program')
  expect(await readFile(copy, 'utf8')).toBe('machine code')
})
