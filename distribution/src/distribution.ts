import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '@trellis/foundation/clock'
import type { CommandRunner } from '@trellis/foundation/command'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { createDownloader } from './obtain/download.ts'
import { imageSets } from './recipes/image-contents.ts'
import { type ImageSet, imagesFolder, imagesPart } from './recipes/images.ts'
import { allRecipes } from './recipes.ts'
import { createBuilder } from './store/builder.ts'
import { createCache } from './store/cache.ts'
import { readMounts } from './store/mounts.ts'
import type { Entry, ProgressListener, Source } from './store/part.ts'

/** What a distribution works with. */
export interface DistributionOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly runner: CommandRunner
  /** Where finished parts are kept, as in `/var/cache/trellis`. */
  readonly cacheDirectory: string
  /** The root of this repository. */
  readonly repositoryDirectory: string
  /** The Node executable that images and the node agent get; unless told, the one that runs this. */
  readonly nodeProgram?: string
  /** Unless told: the process's own. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Which sources may be used, unless told all: host, download, build. */
  readonly sources?: readonly Source[]
}

/** What machines start from: read-only directories, the lowest layer first. */
export interface MachineImage {
  readonly name: string
  readonly layers: readonly string[]
}

/** Parts on this machine's disk. */
export interface Parts {
  /** The content directory of every part that was asked for or needed. */
  readonly directories: Readonly<Record<string, string>>
  /** Programs for test control planes and the cli (`KUBEBUILDER_ASSETS`); absent unless the part `assets` was asked for. */
  readonly assetsDirectory?: string
  /** Machine images; empty unless the part `machines` or `machines-opentofu` was asked for. */
  readonly machineImages: readonly MachineImage[]
  /** Container images by short name, as charts take them; empty unless `machines` or `machines-opentofu` was asked for. */
  readonly images: Readonly<Record<string, string>>
}

/** Obtains, builds and caches everything that Trellis runs but does not write, and wraps what it does write. */
export interface Distribution {
  /** Names that `ensure` understands. */
  readonly partNames: readonly string[]
  /** Brings the named parts (`assets` and `machines` unless told) into the cache. Does nothing for those that are there already. */
  ensure(partNames?: readonly string[], onProgress?: ProgressListener, signal?: AbortSignal): Promise<Parts>
}

/** What machines of every kind have. */
const machineParts = ['machine-agent', 'machine-programs', 'machine-settings', 'debian']

/** Names for several parts at once. A seed of `machines-opentofu` has the images of `machines`, and that of cluster-bootstrap with OpenTofu. */
const groups: Readonly<Record<string, readonly string[]>> = {
  machines: ['images-worker', 'images-seed', ...machineParts],
  'machines-opentofu': ['images-worker', 'images-seed-opentofu', ...machineParts],
}

/** Of parts that change whenever our own code does, so many versions are kept beside those that machines run from. */
const keptVersions = 3

/** A distribution that keeps its parts in the given cache directory. */
export function createDistribution(options: DistributionOptions): Distribution {
  const { clock, random, runner, log } = options
  const cache = createCache(clock, random, runner, options.cacheDirectory)
  const recipes = allRecipes({
    runner,
    cache,
    downloader: createDownloader(clock),
    cacheDirectory: options.cacheDirectory,
    repositoryDirectory: options.repositoryDirectory,
    nodeProgram: options.nodeProgram ?? process.execPath,
    environment: options.environment ?? process.env,
    sources: options.sources ?? ['host', 'download', 'build'],
  })
  const builder = createBuilder({ clock, log, runner, cache, recipes })
  return {
    partNames: [...recipes.map((recipe) => recipe.part), ...Object.keys(groups)],
    ensure: async (partNames = ['assets', 'machines'], onProgress = () => {}, signal) => {
      await mkdir(options.cacheDirectory, { recursive: true })
      const wanted = partNames.flatMap((name) => groups[name] ?? [name])
      const entries = await builder.ensure(wanted, onProgress, signal)
      await prune(entries)
      return describeParts(entries)
    },
  }

  /** Removes old versions of what was made just now; what was there already has been pruned before. */
  async function prune(entries: ReadonlyMap<string, Entry>): Promise<void> {
    const made = [...entries.values()].filter((entry) => entry.fresh)
    if (made.length === 0) return
    const mounts = await readMounts()
    for (const { part } of made) await cache.prune(part, keptVersions, (directory) => mounts.includes(directory))
  }
}

async function describeParts(entries: ReadonlyMap<string, Entry>): Promise<Parts> {
  const directories = Object.fromEntries([...entries].map(([part, entry]) => [part, entry.directory]))
  const { assets } = directories
  const sets = (Object.keys(imageSets) as (keyof typeof imageSets)[]).filter((set) => entries.has(imagesPart(set)))
  // The larger set has all that the smaller one has.
  const imagesOf = (kind: (typeof machineKinds)[number]): ImageSet =>
    kind === 'seed' && sets.includes('seed-opentofu') ? 'seed-opentofu' : kind
  const references = await Promise.all(sets.map((set) => readReferences(directories[imagesPart(set)] ?? '')))
  return {
    directories,
    ...(assets === undefined ? {} : { assetsDirectory: assets }),
    machineImages: machineKinds.flatMap((kind) => {
      const layers = machineLayers(imagesOf(kind)).map((part) => directories[part] ?? '')
      return layers.includes('') ? [] : [{ name: `trellis-${kind}`, layers }]
    }),
    images: Object.assign({}, ...references),
  }
}

const machineKinds = ['worker', 'seed'] as const

/** The parts that are a machine's layers, the lowest first. */
function machineLayers(images: ImageSet): readonly string[] {
  return ['debian', 'machine-settings', 'machine-programs', 'machine-agent', imagesPart(images)]
}

async function readReferences(directory: string): Promise<Readonly<Record<string, string>>> {
  const text = await readFile(join(directory, imagesFolder, 'images.json'), 'utf8')
  return JSON.parse(text) as Readonly<Record<string, string>>
}
