import { mkdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { expect, test } from 'vitest'
import { type NamedImage, writeArchive } from './archive.ts'
import { writeImage } from './image.ts'
import { type Layer, writeLayer } from './layer.ts'

async function plantImages(directory: string): Promise<{ blobs: string; images: readonly NamedImage[]; base: Layer }> {
  const blobs = join(directory, 'blobs')
  await mkdir(blobs)
  const place = async (text: string) => {
    const temporary = join(directory, 'layer')
    const layer = await writeLayer([{ kind: 'text', path: `/${text}`, text }], temporary)
    await rename(temporary, join(blobs, layer.digest.slice(7)))
    return layer
  }
  const base = await place('base')
  const images: NamedImage[] = []
  for (const name of ['one', 'two']) {
    const image = await writeImage('amd64', [base, await place(name)], { entrypoint: [`/${name}`], user: '7' }, blobs)
    images.push({ reference: `example.org/${name}:v1`, image })
  }
  return { blobs, images, base }
}

/** The names and contents in an archive, read with nothing but the format's own rules. */
async function readArchive(path: string): Promise<ReadonlyMap<string, Buffer>> {
  const bytes = await readFile(path)
  const entries = new Map<string, Buffer>()
  for (let at = 0; bytes[at] !== 0; ) {
    const field = (from: number, to: number) => bytes.toString('latin1', at + from, at + to).replace(/[\0 ].*$/, '')
    const size = Number.parseInt(field(124, 136), 8)
    entries.set(field(0, 100), bytes.subarray(at + 512, at + 512 + size))
    at += 512 + Math.ceil(size / 512) * 512
  }
  return entries
}

test('an archive names each image and holds shared layers once', async () => {
  await using directory = await createTemporaryDirectory()
  const { blobs, images, base } = await plantImages(directory.path)
  const path = join(directory.path, 'images.tar')
  await writeArchive(images, blobs, path)
  const entries = await readArchive(path)
  expect(JSON.parse(String(entries.get('oci-layout')))).toEqual({ imageLayoutVersion: '1.0.0' })
  const index = JSON.parse(String(entries.get('index.json')))
  expect(index.manifests.map((manifest: { annotations: object }) => manifest.annotations)).toEqual([
    { 'io.containerd.image.name': 'example.org/one:v1', 'org.opencontainers.image.ref.name': 'v1' },
    { 'io.containerd.image.name': 'example.org/two:v1', 'org.opencontainers.image.ref.name': 'v1' },
  ])
  const blob = (digest: string) => String(entries.get(`blobs/sha256/${digest.slice(7)}`))
  const manifest = JSON.parse(blob(index.manifests[0].digest))
  expect(manifest.layers[0]).toEqual({
    mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd',
    digest: base.digest,
    size: base.size,
  })
  const configuration = JSON.parse(blob(manifest.config.digest))
  expect(configuration).toMatchObject({ os: 'linux', architecture: 'amd64', created: '1970-01-01T00:00:00Z' })
  expect(configuration.config).toMatchObject({ Entrypoint: ['/one'], User: '7', WorkingDir: '/' })
  expect(configuration.rootfs.diff_ids[0]).toBe(base.contentDigest)
  // One shared layer, and for each image a layer, a configuration and a manifest.
  expect([...entries.keys()].filter((name) => /^blobs\/sha256\/./.test(name))).toHaveLength(7)
})

test('the same images give the same archive', async () => {
  await using one = await createTemporaryDirectory()
  await using other = await createTemporaryDirectory()
  const write = async (directory: string) => {
    const { blobs, images } = await plantImages(directory)
    return writeArchive([...images].reverse(), blobs, join(directory, 'images.tar'))
  }
  expect(await write(one.path)).toEqual(await write(other.path))
})
