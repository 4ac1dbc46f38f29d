import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { expect, test } from 'vitest'
import { createFakeRunner } from '../../testing/fake-runner.ts'
import type { ProgramPin } from '../pins.ts'
import { containsVersion, findOnHost, hostDirectories } from './host-provided.ts'

const version = { args: ['--version'], answer: 'tool v1.2' }
const programs: readonly ProgramPin[] = ['one', 'two'].map((name) => ({ name, package: '.', version }))

async function plantPrograms(root: string, folder: string): Promise<string> {
  const directory = join(root, folder)
  await mkdir(directory)
  for (const { name } of programs) await writeFile(join(directory, name), '', { mode: 0o755 })
  return directory
}

test('asset directories come before PATH, and our own cache is no host', () => {
  const environment = { KUBEBUILDER_ASSETS: '/assets', PATH: '/usr/bin::/cache/assets/1/content:/bin' }
  expect(hostDirectories(environment, '/cache')).toEqual(['/assets', '/usr/bin', '/bin'])
  expect(hostDirectories({}, '/cache')).toEqual([])
})

test('the first directory whose program says the pinned version is taken', async () => {
  await using root = await createTemporaryDirectory()
  const old = await plantPrograms(root.path, 'old')
  const good = await plantPrograms(root.path, 'good')
  const runner = createFakeRunner({
    [join(old, 'one')]: () => ({ stdout: 'tool v1.1' }),
    [join(old, 'two')]: () => ({ code: 1, stderr: 'tool v1.2' }),
    [join(good, 'one')]: () => ({ stdout: 'tool v1.2\n' }),
    [join(good, 'two')]: () => ({ stderr: 'tool v1.2 (linux)' }),
  })
  const found = await findOnHost(runner, programs, [join(root.path, 'absent'), old, good])
  expect(found).toEqual(new Map(programs.map(({ name }) => [name, join(good, name)])))
})

test('a host that lacks one of the programs provides none', async () => {
  await using root = await createTemporaryDirectory()
  const directory = await plantPrograms(root.path, 'bin')
  const runner = createFakeRunner({ [join(directory, 'one')]: () => ({ stdout: 'tool v1.2' }) })
  expect(await findOnHost(runner, programs, [directory])).toBeUndefined()
})

test.each([
  ['tool v1.2', true],
  ['tool v1.2\nlinux/amd64', true],
  ['tool v1.2, commit abc', true],
  ['tool v1.20', false],
  ['tool v1.2.1', false],
  ['tool v1.2-rc.0', false],
])('in "%s" the version is there: %s', (text, expected) => {
  expect(containsVersion(text, 'tool v1.2')).toBe(expected)
})
