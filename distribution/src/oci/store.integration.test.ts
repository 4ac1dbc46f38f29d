import { mkdir, readdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner } from '@trellis/foundation/command'
import { createSilentLog } from '@trellis/foundation/log'
import { createSystemRandom } from '@trellis/foundation/random'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { beforeAll, expect, test } from 'vitest'
import { cacheDirectoryOf } from '../cache-directory.ts'
import { createDistribution, type Parts } from '../distribution.ts'
import { upstreamImages } from '../pins.ts'
import { writeArchive } from './archive.ts'
import { writeImage } from './image.ts'
import { writeLayer } from './layer.ts'
import { makeStore, storeFolders } from './store.ts'

const runner = createCommandRunner()
const reference = upstreamImages.pause
let parts: Parts

beforeAll(async () => {
  const distribution = createDistribution({
    clock: createSystemClock(),
    random: createSystemRandom(),
    log: createSilentLog(),
    runner,
    cacheDirectory: cacheDirectoryOf(process.env),
    repositoryDirectory: join(import.meta.dirname, '../../..'),
  })
  parts = await distribution.ensure(['containerd', 'pause'])
}, 600_000)

async function writePauseArchive(directory: string) {
  const blobs = join(directory, 'blobs')
  await mkdir(blobs)
  const source = join(parts.directories.pause ?? '', 'bin/pause')
  const layer = await writeLayer([{ kind: 'file', path: '/pause', source, mode: 0o755 }], join(directory, 'layer'))
  await rename(join(directory, 'layer'), join(blobs, layer.digest.slice('sha256:'.length)))
  const image = await writeImage('amd64', [layer], { entrypoint: ['/pause'] }, blobs)
  const archive = join(directory, 'pause.tar')
  const blob = await writeArchive([{ reference, image }], blobs, archive)
  return { archive, blob, image }
}

test('containerd takes the pause image and unpacks it into a store', async () => {
  await using directory = await createTemporaryDirectory()
  const { archive, image } = await writePauseArchive(directory.path)
  const store = join(directory.path, 'store')
  await makeStore({
    runner,
    programs: join(parts.directories.containerd ?? '', 'bin'),
    archive,
    references: [reference],
    directory: store,
    signal: undefined,
  })
  expect((await readdir(store)).sort()).toEqual(Object.values(storeFolders).sort())
  const blobs = await readdir(join(store, storeFolders.content, 'blobs/sha256'))
  expect(blobs).toContain(image.manifest.digest.slice('sha256:'.length))
  const unpacked = join(store, storeFolders.snapshots, 'snapshots/1/fs/pause')
  expect(await readFile(unpacked)).toEqual(await readFile(join(parts.directories.pause ?? '', 'bin/pause')))
})

test('an image that is not in the archive is missed', async () => {
  await using directory = await createTemporaryDirectory()
  const { archive } = await writePauseArchive(directory.path)
  const making = makeStore({
    runner,
    programs: join(parts.directories.containerd ?? '', 'bin'),
    archive,
    references: [reference, 'registry.example.org/absent:v1'],
    directory: join(directory.path, 'store'),
    signal: undefined,
  })
  await expect(making).rejects.toThrow('registry.example.org/absent:v1')
})

test('the pause image is the same archive each time it is made', async () => {
  await using one = await createTemporaryDirectory()
  await using other = await createTemporaryDirectory()
  expect((await writePauseArchive(one.path)).blob).toEqual((await writePauseArchive(other.path)).blob)
})

test('the pause program takes away orphans and ends when asked to', async () => {
  const pause = join(parts.directories.pause ?? '', 'bin/pause')
  // As the first process of a process namespace: an orphan that ends must not stay behind as a zombie.
  const script = `
    setsid sh -c '(sleep 0.05 &) ; exit 0'
    exec ${pause}`
  const inside = [
    `unshare --pid --fork --mount-proc sh -c ${quote(script)} & outer=$!`,
    'until first=$(pgrep -P "$outer"); do :; done',
    'until grep -q pause "/proc/$first/cmdline"; do :; done',
    'until [ -z "$(pgrep -P "$first")" ]; do :; done',
    'kill -TERM "$first"; wait "$outer"; echo "ended with $?"',
  ].join('\n')
  const result = await runner.run('timeout', ['--kill-after=1', '20', 'bash', '-c', inside])
  expect(result.stdout.trim()).toBe('ended with 0')
})

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
