import { chmod, mkdir, rename, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { expect, test } from 'vitest'
import { digestTree, fingerprintTree } from './tree.ts'

async function plant(root: string): Promise<void> {
  await mkdir(join(root, 'a/b'), { recursive: true })
  await writeFile(join(root, 'a/b/file'), 'text')
  await symlink('b/file', join(root, 'a/link'))
  await utimes(join(root, 'a/b/file'), 1000, 1000)
}

test('equal trees have equal digests and fingerprints wherever they are', async () => {
  await using one = await createTemporaryDirectory()
  await using other = await createTemporaryDirectory()
  await plant(one.path)
  await plant(other.path)
  expect(await digestTree(one.path)).toBe(await digestTree(other.path))
  expect(fingerprintTree(one.path)).toBe(fingerprintTree(other.path))
})

test('a time changes the fingerprint but not the digest', async () => {
  await using tree = await createTemporaryDirectory()
  await plant(tree.path)
  const before = { digest: await digestTree(tree.path), fingerprint: fingerprintTree(tree.path) }
  await utimes(join(tree.path, 'a/b/file'), 2000, 2000)
  expect(await digestTree(tree.path)).toBe(before.digest)
  expect(fingerprintTree(tree.path)).not.toBe(before.fingerprint)
})

const changes: Readonly<Record<string, (root: string) => Promise<void>>> = {
  content: (root) => writeFile(join(root, 'a/b/file'), 'TEXT'),
  mode: (root) => chmod(join(root, 'a/b/file'), 0o755),
  name: (root) => rename(join(root, 'a/link'), join(root, 'a/lonk')),
  'an added folder': async (root) => void (await mkdir(join(root, 'c'))),
}

test.each(Object.entries(changes))('%s changes the digest', async (_what, change) => {
  await using tree = await createTemporaryDirectory()
  await plant(tree.path)
  const before = await digestTree(tree.path)
  await change(tree.path)
  expect(await digestTree(tree.path)).not.toBe(before)
})
