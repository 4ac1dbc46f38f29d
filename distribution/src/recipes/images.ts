import { mkdir, readdir, readlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeArchive } from '../oci/archive.ts'
import { type Image, writeImage } from '../oci/image.ts'
import { type Blob, writeLayer } from '../oci/layer.ts'
import { withSharedLibraries } from '../oci/shared-libraries.ts'
import { type Architecture, upstreamImages } from '../pins.ts'
import { digestSources, listSources } from '../sources.ts'
import type { Recipe, Workshop } from '../store/part.ts'
import {
  type ImageName,
  imageDefinitions,
  imageSets,
  type LayerName,
  type LayerSources,
  layerContents,
  partsOfLayer,
} from './image-contents.ts'
import { makeFolder } from './layer-files.ts'
import { nodeIdentity } from './machine-agent.ts'

/** Raised when what this recipe does with its inputs changes. */
const revision = '1'

/** Where a machine has its preloaded images. */
export const imagesFolder = 'opt/trellis/images'

/** What image recipes work with. */
export interface ImagesContext {
  readonly architecture: Architecture
  readonly nodeProgram: string
  readonly chartsDirectory: string
}

/** Name of the part that holds the images of one kind of machine. */
export function imagesPart(set: keyof typeof imageSets): string {
  return `images-${set}`
}

/**
 * The recipe of the layer with the images that one kind of machine brings along: an OCI archive, and `images.json` that maps short
 * names to references.
 */
export function imagesRecipe(context: ImagesContext, set: keyof typeof imageSets): Recipe {
  const names = imageSets[set]
  const layers = layersOf(names)
  return {
    part: imagesPart(set),
    needs: [...new Set(layers.flatMap(partsOfLayer))],
    heavy: false,
    inputs: async () => [
      revision,
      context.architecture,
      JSON.stringify(names.map((name) => [name, imageDefinitions[name]])),
      await nodeIdentity(context.nodeProgram),
      ...(layers.includes('charts') ? [await digestCharts(context.chartsDirectory)] : []),
    ],
    make: async (workshop) => {
      const blobs = join(workshop.scratch, 'blobs')
      await mkdir(blobs)
      const written = await writeLayers(context, layers, blobs, workshop)
      const images = new Map<ImageName, Image>()
      for (const name of names) {
        const { layers: stack, ...settings } = imageDefinitions[name]
        const chosen = stack.flatMap((layer) => written.get(layer) ?? [])
        images.set(name, await writeImage(context.architecture, chosen, settings, blobs))
      }
      await makeFolder(workshop.directory, imagesFolder)
      workshop.report('building', `archive of ${names.length} images`)
      await writeSet(set, images, blobs, workshop)
      return 'build'
    },
  }
}

/** The reference by which an image is known: upstream's name, or ours with a tag that stands for its content. */
export function imageReference(name: ImageName, image: Image): string {
  const upstream: Readonly<Record<string, string>> = upstreamImages
  return upstream[name] ?? `trellis.internal/${name}:${image.manifest.digest.slice('sha256:'.length).slice(0, 12)}`
}

function layersOf(names: readonly ImageName[]): readonly LayerName[] {
  return [...new Set(names.flatMap((name) => imageDefinitions[name].layers))]
}

async function writeLayers(
  context: ImagesContext,
  layers: readonly LayerName[],
  blobs: string,
  workshop: Workshop,
): Promise<ReadonlyMap<LayerName, Blob>> {
  const part = (name: string) => workshop.part(name).directory
  const sources: LayerSources = {
    part,
    nodeProgram: context.nodeProgram,
    chartsDirectory: context.chartsDirectory,
    charts: await listSources(context.chartsDirectory),
    kubernetesPrograms: layers.includes('kubernetes') ? await listPrograms(join(part('kubernetes'), 'bin')) : [],
  }
  const written = new Map<LayerName, Blob>()
  for (const layer of layers) {
    workshop.report('building', `layer ${layer}`)
    const { items, programs } = layerContents(layer, sources)
    const { runner } = workshop
    const linked =
      programs.length === 0 ? [] : await withSharedLibraries(runner, context.architecture, part('debian'), programs)
    written.set(layer, await writeLayer([...items, ...linked], blobs))
  }
  return written
}

async function listPrograms(directory: string): Promise<LayerSources['kubernetesPrograms']> {
  const entries = await readdir(directory, { withFileTypes: true })
  return Promise.all(
    entries.map(async (entry) =>
      entry.isSymbolicLink()
        ? { name: entry.name, target: await readlink(join(directory, entry.name)) }
        : { name: entry.name },
    ),
  )
}

async function writeSet(
  set: keyof typeof imageSets,
  images: ReadonlyMap<ImageName, Image>,
  blobs: string,
  workshop: Workshop,
): Promise<void> {
  const named = [...images].map(([name, image]) => ({ name, reference: imageReference(name, image), image }))
  await writeArchive(named, blobs, join(workshop.directory, imagesFolder, `${set}.tar`))
  const references = Object.fromEntries(named.map(({ name, reference }) => [name, reference]))
  await writeFile(
    join(workshop.directory, imagesFolder, 'images.json'),
    `${JSON.stringify(references, undefined, 2)}\n`,
  )
}

async function digestCharts(directory: string): Promise<string> {
  return digestSources(directory, await listSources(directory))
}
