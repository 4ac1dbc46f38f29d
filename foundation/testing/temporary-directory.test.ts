import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createTemporaryDirectory } from './temporary-directory.ts'

test('is empty, its own, and gone with its content when the scope ends', async () => {
  const paths: string[] = []
  {
    await using one = await createTemporaryDirectory()
    await using other = await createTemporaryDirectory()
    paths.push(one.path, other.path)
    expect(one.path).not.toBe(other.path)
    expect(await readdir(one.path)).toEqual([])
    await mkdir(join(one.path, 'folder'))
    await writeFile(join(one.path, 'folder/file'), 'content')
  }
  for (const path of paths) await expect(stat(path)).rejects.toThrow('ENOENT')
})
