import { createHash } from 'node:crypto'
import { readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { extract, type Header } from 'tar-stream'
import { expect, test } from 'vitest'
import { arrangeItems, type LayerItem, writeLayer } from './layer.ts'

interface Unpacked {
  readonly header: Header
  readonly text: string
}

async function unpack(path: string): Promise<readonly Unpacked[]> {
  const entries: Unpacked[] = []
  const reader = extract()
  reader.end(zstdDecompressSync(await readFile(path)))
  for await (const entry of reader) {
    let text = ''
    for await (const chunk of entry) text += String(chunk)
    entries.push({ header: entry.header, text })
  }
  return entries
}

async function plantItems(directory: string): Promise<readonly LayerItem[]> {
  const source = join(directory, 'program')
  await writeFile(source, 'machine code', { mode: 0o600 })
  return [
    { kind: 'file', path: '/usr/bin/program', source, mode: 0o755 },
    { kind: 'text', path: '/etc/passwd', text: 'root:x:0:0\n' },
    { kind: 'link', path: '/bin', target: 'usr/bin' },
    { kind: 'folder', path: '/tmp', mode: 0o1777 },
  ]
}

test('a layer holds sorted entries with their folders, without owner and time', async () => {
  await using directory = await createTemporaryDirectory()
  const path = join(directory.path, 'layer')
  await writeLayer(await plantItems(directory.path), path)
  const entries = await unpack(path)
  expect(entries.map(({ header, text }) => [header.name, header.type, header.mode.toString(8), text])).toEqual([
    ['bin', 'symlink', '777', ''],
    ['etc/', 'directory', '755', ''],
    ['etc/passwd', 'file', '644', 'root:x:0:0\n'],
    ['tmp/', 'directory', '1777', ''],
    ['usr/', 'directory', '755', ''],
    ['usr/bin/', 'directory', '755', ''],
    ['usr/bin/program', 'file', '755', 'machine code'],
  ])
  for (const { header } of entries) {
    expect([header.uid, header.gid, header.uname, header.gname, header.mtime.getTime()]).toEqual([0, 0, '', '', 0])
  }
})

test('the same items give the same bytes, whatever their order and the times of their sources', async () => {
  await using directory = await createTemporaryDirectory()
  const items = await plantItems(directory.path)
  const first = await writeLayer(items, join(directory.path, 'first'))
  await utimes(join(directory.path, 'program'), 1, 1)
  const second = await writeLayer([...items].reverse(), join(directory.path, 'second'))
  expect(second).toEqual(first)
  expect(await readFile(join(directory.path, 'second'))).toEqual(await readFile(join(directory.path, 'first')))
})

test('the digests are those of the blob and of what is in it', async () => {
  await using directory = await createTemporaryDirectory()
  const path = join(directory.path, 'layer')
  const layer = await writeLayer(await plantItems(directory.path), path)
  const blob = await readFile(path)
  const digest = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  expect(layer).toEqual({
    digest: digest(blob),
    size: blob.length,
    contentDigest: digest(zstdDecompressSync(blob)),
  })
})

test('file capabilities are kept as the kernel stores them', async () => {
  await using directory = await createTemporaryDirectory()
  const source = join(directory.path, 'server')
  await writeFile(source, '')
  const capabilities = Buffer.from('0100000200040000000000000000000000000000', 'hex')
  const path = join(directory.path, 'layer')
  await writeLayer([{ kind: 'file', path: '/server', source, capabilities }], path)
  const [entry] = await unpack(path)
  expect(entry?.header.pax).toMatchObject({ 'SCHILY.xattr.security.capability': capabilities.toString('latin1') })
})

test.each<readonly [string, readonly LayerItem[]]>([
  ['is not an absolute path', [{ kind: 'text', path: 'etc/passwd', text: '' }]],
  [
    'two different things at /a',
    [
      { kind: 'text', path: '/a', text: 'one' },
      { kind: 'text', path: '/a', text: 'two' },
    ],
  ],
  [
    '/a holds files but is no folder',
    [
      { kind: 'link', path: '/a', target: 'b' },
      { kind: 'text', path: '/a/file', text: '' },
    ],
  ],
])('refuses items where one %s', (message, items) => {
  expect(() => arrangeItems(items)).toThrow(message)
})
