import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { expect, test } from 'vitest'
import { digestSources, listSources, roomsBelow } from './sources.ts'

async function plantRooms(root: string): Promise<void> {
  const room = async (folder: string, name: string, dependencies: readonly string[]) => {
    await mkdir(join(root, folder, 'src'), { recursive: true })
    await mkdir(join(root, folder, 'node_modules/x'), { recursive: true })
    await writeFile(join(root, folder, 'node_modules/x/index.js'), '')
    await writeFile(join(root, folder, 'src/main.ts'), `// ${name}\n`)
    const versions = Object.fromEntries(dependencies.map((dependency) => [dependency, '1']))
    await writeFile(join(root, folder, 'package.json'), JSON.stringify({ name, dependencies: versions }))
  }
  await room('base', '@house/base', ['lodash'])
  await room('middle/inner', '@house/inner', ['@house/base'])
  await room('top', '@house/top', ['@house/inner', '@house/base'])
  await room('other', '@house/other', [])
  const workspaces = ['base', 'middle/inner', 'top', 'other']
  await writeFile(join(root, 'package.json'), JSON.stringify({ name: 'house', workspaces }))
}

test('a room stands on the rooms that it imports, and on theirs', async () => {
  await using house = await createTemporaryDirectory()
  await plantRooms(house.path)
  expect(await roomsBelow(house.path, 'top')).toEqual(['base', 'middle/inner', 'top'])
  expect(await roomsBelow(house.path, 'other')).toEqual(['other'])
  await expect(roomsBelow(house.path, 'cellar')).rejects.toMatchObject({ kind: 'NotFound' })
})

test('sources are listed in order, without what was installed', async () => {
  await using house = await createTemporaryDirectory()
  await plantRooms(house.path)
  expect(await listSources(join(house.path, 'top'))).toEqual(['package.json', 'src/main.ts'])
  expect(await listSources(join(house.path, 'top'), (path) => path.endsWith('.ts'))).toEqual(['src/main.ts'])
  expect(await listSources(join(house.path, 'absent'))).toEqual([])
})

test('a link to a file is a source like the file, and a link to a folder is none', async () => {
  await using house = await createTemporaryDirectory()
  await plantRooms(house.path)
  await symlink('../base/src/main.ts', join(house.path, 'top/linked.ts'))
  await symlink('../base', join(house.path, 'top/folder'))
  expect(await listSources(join(house.path, 'top'))).toEqual(['linked.ts', 'package.json', 'src/main.ts'])
})

test('the digest follows names and contents, not modes', async () => {
  await using house = await createTemporaryDirectory()
  await plantRooms(house.path)
  const digest = () => digestSources(house.path, ['top/src/main.ts', 'base/src/main.ts'])
  const before = await digest()
  await chmod(join(house.path, 'top/src/main.ts'), 0o600)
  expect(await digest()).toBe(before)
  await writeFile(join(house.path, 'top/src/main.ts'), '// changed\n')
  expect(await digest()).not.toBe(before)
})
