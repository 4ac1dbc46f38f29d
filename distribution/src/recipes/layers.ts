import { readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Layer, type LayerItem, writeLayer } from '../oci/layer.ts'
import { withSharedLibraries } from '../oci/shared-libraries.ts'
import type { StoredFile } from '../oci/store.ts'
import type { Architecture } from '../pins.ts'
import { digestSources, listSources } from '../sources.ts'
import type { Recipe, Workshop } from '../store/part.ts'
import { type LayerName, type LayerSources, layerContents, partsOfLayer } from './image-contents.ts'

/** Raised when what this recipe does with its inputs changes. */
const revision = '3'

/** Smaller files are not worth sharing. */
const sharedFromBytes = 1024 * 1024

/** What layer and image recipes work with. */
export interface ImagesContext {
  readonly architecture: Architecture
  readonly chartsDirectory: string
  /** Modules of OpenTofu, a folder for each cloud. */
  readonly modulesDirectory: string
}

/** A layer as its part describes it. */
export interface LayerRecord {
  readonly layer: Layer
  /** Large files of the layer and where else this host has their bytes. */
  readonly shared: readonly StoredFile[]
}

/** Name of the part that holds a layer. */
export function layerPart(layer: LayerName): string {
  return `layer-${layer}`
}

/** File names in a layer's part. */
export const layerFile = 'layer.tar.zst'
const recordFile = 'layer.json'

/** What a layer's part says about its layer. */
export async function readLayerRecord(directory: string): Promise<LayerRecord> {
  return JSON.parse(await readFile(join(directory, recordFile), 'utf8')) as LayerRecord
}

/** The recipe of one layer of images. */
export function layerRecipe(context: ImagesContext, layer: LayerName): Recipe {
  return {
    part: layerPart(layer),
    needs: partsOfLayer(layer),
    heavy: false,
    silent: true,
    inputs: async (part) => {
      const sources = await sourcesOf(context, layer, (name) => part(name).directory)
      return [
        revision,
        context.architecture,
        describeItems(layerContents(layer, sources), sources, partsOfLayer(layer)),
        layer === 'charts' ? await digestSources(context.chartsDirectory, sources.charts) : '',
        ...(layer === 'opentofu' ? [await digestSources(context.modulesDirectory, sources.modules)] : []),
      ]
    },
    make: async (workshop) => {
      const items = await itemsOf(context, layer, workshop)
      const written = await writeLayer(items, join(workshop.directory, layerFile))
      const record: LayerRecord = { layer: written, shared: await largeFiles(items) }
      await writeFile(join(workshop.directory, recordFile), `${JSON.stringify(record)}\n`)
      return 'build'
    },
  }
}

async function itemsOf(context: ImagesContext, layer: LayerName, workshop: Workshop): Promise<readonly LayerItem[]> {
  const part = (name: string) => workshop.part(name).directory
  const { items, programs } = layerContents(layer, await sourcesOf(context, layer, part))
  if (programs.length === 0) return items
  const linked = await withSharedLibraries(workshop.runner, context.architecture, part('debian'), programs)
  return [...items, ...linked]
}

async function sourcesOf(
  context: ImagesContext,
  layer: LayerName,
  part: (name: string) => string,
): Promise<LayerSources> {
  return {
    part,
    chartsDirectory: context.chartsDirectory,
    charts: layer === 'charts' ? await listSources(context.chartsDirectory) : [],
    modulesDirectory: context.modulesDirectory,
    modules: layer === 'opentofu' ? await listSources(context.modulesDirectory) : [],
    providers: layer === 'opentofu' ? await listSources(part('opentofu-providers')) : [],
    bundle: layer.startsWith('application-') ? (await readdir(part(partsOfLayer(layer)[0] ?? ''))).sort() : [],
    kubernetesPrograms: layer === 'kubernetes' ? await listPrograms(join(part('kubernetes'), 'bin')) : [],
  }
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

/** What the layer consists of, as text that does not depend on where this host keeps its parts. */
function describeItems(contents: object, sources: LayerSources, parts: readonly string[]): string {
  let text = JSON.stringify(contents)
  for (const name of parts) text = text.replaceAll(sources.part(name), `<${name}>`)
  return text.replaceAll(sources.chartsDirectory, '<charts>').replaceAll(sources.modulesDirectory, '<modules>')
}

/** Files with capabilities are left out: those belong to the copy, not to the bytes. */
async function largeFiles(items: readonly LayerItem[]): Promise<readonly StoredFile[]> {
  const files = items.filter((item) => item.kind === 'file' && item.capabilities === undefined)
  const found = await Promise.all(
    files.map(async (item) =>
      item.kind === 'file' && (await stat(item.source)).size >= sharedFromBytes
        ? [{ path: item.path, source: item.source }]
        : [],
    ),
  )
  return found.flat()
}
