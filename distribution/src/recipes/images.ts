import { link, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeArchive } from '../oci/archive.ts'
import { type Image, writeImage } from '../oci/image.ts'
import { makeStore, type StoredFile, shareFiles, storeFileLines } from '../oci/store.ts'
import { upstreamImages } from '../pins.ts'
import type { Recipe, Workshop } from '../store/part.ts'
import { type ImageName, imageDefinitions, imageSets, type LayerName } from './image-contents.ts'
import { makeFolder } from './layer-files.ts'
import { type ImagesContext, type LayerRecord, layerFile, layerPart, readLayerRecord } from './layers.ts'

/** Raised when what this recipe does with its inputs changes. */
const revision = '1'

/** Where a machine has its preloaded images. */
export const imagesFolder = 'opt/trellis/images'

/** The containerd root of machines, and the store that is linked into it when they start. */
const containerdRoot = '/var/lib/containerd'
const storeFolder = `${imagesFolder}/containerd`

/** A set of images that go together. */
export type ImageSet = keyof typeof imageSets

/** Name of the part that holds the images of one kind of machine. */
export function imagesPart(set: ImageSet): string {
  return `images-${set}`
}

/**
 * The recipe of the layer with the images that one kind of machine brings along, unpacked as containerd has them, with rules for
 * systemd-tmpfiles that link them into place at each start, and `images.json` that maps short names to references.
 */
export function imagesRecipe(context: ImagesContext, set: ImageSet): Recipe {
  const names = imageSets[set]
  const layers = [...new Set(names.flatMap((name) => imageDefinitions[name].layers))]
  return {
    part: imagesPart(set),
    needs: [...layers.map(layerPart), 'containerd'],
    heavy: false,
    inputs: async () => [
      revision,
      context.architecture,
      JSON.stringify(names.map((name) => [name, imageDefinitions[name], upstreamReference(name)])),
    ],
    make: async (workshop) => {
      workshop.report('building', `archive of ${names.length} images`)
      const records = await readRecords(layers, workshop)
      const archive = await assemble(context, names, records, workshop)
      workshop.report('building', `unpacking ${names.length} images`)
      await preload(archive, [...records.values()], workshop)
      await writeFile(
        join(workshop.directory, imagesFolder, 'images.json'),
        `${JSON.stringify(Object.fromEntries(archive.references), undefined, 2)}\n`,
      )
      return 'build'
    },
  }
}

/** The reference by which an image is known: upstream's name, or ours with a tag that stands for its content. */
export function imageReference(name: ImageName, image: Image): string {
  return (
    upstreamReference(name) ?? `trellis.internal/${name}:${image.manifest.digest.slice('sha256:'.length).slice(0, 12)}`
  )
}

interface Archive {
  readonly path: string
  readonly references: readonly (readonly [ImageName, string])[]
}

async function readRecords(layers: readonly LayerName[], { part }: Workshop) {
  const records = layers.map(async (layer) => [layer, await readLayerRecord(part(layerPart(layer)).directory)] as const)
  return new Map(await Promise.all(records))
}

async function assemble(
  context: ImagesContext,
  names: readonly ImageName[],
  records: ReadonlyMap<LayerName, LayerRecord>,
  { scratch, part }: Workshop,
): Promise<Archive> {
  const blobs = join(scratch, 'blobs')
  await mkdir(blobs)
  for (const [name, { layer }] of records) {
    await link(join(part(layerPart(name)).directory, layerFile), join(blobs, layer.digest.slice('sha256:'.length)))
  }
  const images = await Promise.all(
    names.map(async (name) => {
      const { layers: stack, ...settings } = imageDefinitions[name]
      const chosen = stack.flatMap((layer) => records.get(layer)?.layer ?? [])
      const image = await writeImage(context.architecture, chosen, settings, blobs)
      return { name, image, reference: imageReference(name, image) }
    }),
  )
  const path = join(scratch, 'images.tar')
  await writeArchive(images, blobs, path)
  return { path, references: images.map(({ name, reference }) => [name, reference]) }
}

async function preload(archive: Archive, records: readonly LayerRecord[], workshop: Workshop): Promise<void> {
  const { directory, runner, part, signal } = workshop
  await makeFolder(directory, imagesFolder)
  const store = join(directory, storeFolder)
  await makeStore({
    runner,
    programs: join(part('containerd').directory, 'bin'),
    archive: archive.path,
    references: archive.references.map(([, reference]) => reference),
    directory: store,
    signal,
  })
  await shareFiles(store, sharedFiles(records))
  await makeFolder(directory, 'usr/lib/tmpfiles.d')
  const lines = await storeFileLines(store, `/${storeFolder}`, containerdRoot)
  await writeFile(join(directory, 'usr/lib/tmpfiles.d/trellis-images.conf'), `${lines.join('\n')}\n`)
}

/** Files that mean the same bytes in every layer that has them. */
export function sharedFiles(records: readonly LayerRecord[]): readonly StoredFile[] {
  const sources = new Map<string, Set<string>>()
  for (const { path, source } of records.flatMap((record) => record.shared)) {
    sources.set(path, (sources.get(path) ?? new Set()).add(source))
  }
  return [...sources].flatMap(([path, found]) => {
    const [source] = found
    return found.size === 1 && source !== undefined ? [{ path, source }] : []
  })
}

/** Upstream's name of an image; undefined for those of ours. */
function upstreamReference(name: ImageName): string | undefined {
  const upstream: Readonly<Record<string, string>> = upstreamImages
  return upstream[name]
}
