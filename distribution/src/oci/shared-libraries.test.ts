import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { expect, test } from 'vitest'
import { createFakeRunner } from '../../testing/fake-runner.ts'
import { listedLibraries, withSharedLibraries } from './shared-libraries.ts'

test('takes the libraries out of what the loader lists, not the loader itself', () => {
  const listing = [
    '\tlinux-vdso.so.1 (0x00007ffd)',
    '\tlibm.so.6 => /system/usr/lib/libm.so.6 (0x00007f01)',
    '\t/lib64/ld-linux-x86-64.so.2 => /system/lib64/ld-linux-x86-64.so.2 (0x00007f02)',
  ].join('\n')
  expect(listedLibraries('/bin/program', listing)).toEqual(['/system/usr/lib/libm.so.6'])
})

test('names a library that is nowhere', () => {
  expect(() => listedLibraries('/bin/program', '\tlibodd.so.1 => not found\n')).toThrow(
    '/bin/program needs the library libodd.so.1',
  )
})

test('programs come with loader and libraries, each once', async () => {
  await using root = await createTemporaryDirectory()
  const library = join(root.path, 'libc.so.6')
  await writeFile(library, '')
  const loader = join(root.path, 'usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2')
  const runner = createFakeRunner({ [loader]: () => ({ stdout: `\tlibc.so.6 => ${library} (0x01)\n` }) })
  const items = await withSharedLibraries(runner, 'amd64', root.path, [
    { path: '/usr/bin/one', source: '/host/one' },
    { path: '/usr/bin/two', source: '/host/two' },
  ])
  expect(items.map((item) => item.path)).toEqual([
    '/usr/lib64/ld-linux-x86-64.so.2',
    '/usr/bin/one',
    '/usr/lib/x86_64-linux-gnu/libc.so.6',
    '/usr/bin/two',
  ])
  expect(runner.calls[0]).toContain(`--library-path ${join(root.path, 'usr/lib/x86_64-linux-gnu')} --list /host/one`)
})
