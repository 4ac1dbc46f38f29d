import { join } from 'node:path'
import type { CommandRunner } from '@trellis/foundation/command'
import { deployables } from './bundle.ts'
import { hostArchitecture } from './obtain/architecture.ts'
import type { Downloader } from './obtain/download.ts'
import { findGo, findModuleProxy, type GoToolchain, installGo } from './obtain/go-toolchain.ts'
import { ensureHostPackages } from './obtain/host-packages.ts'
import { hostDirectories } from './obtain/host-provided.ts'
import { debianPin, goToolchainPin, type ProgramsPart, programPins } from './pins.ts'
import { assetsRecipe } from './recipes/assets.ts'
import { bundleRecipe } from './recipes/bundles.ts'
import { debianRecipe } from './recipes/debian.ts'
import { imageSets, layerNames } from './recipes/image-contents.ts'
import { imagesRecipe } from './recipes/images.ts'
import { layerRecipe } from './recipes/layers.ts'
import { machineAgentRecipe } from './recipes/machine-agent.ts'
import { machineProgramsRecipe } from './recipes/machine-programs.ts'
import { machineSettingsRecipe } from './recipes/machine-settings.ts'
import { nodeRecipe } from './recipes/node.ts'
import { openTofuProvidersRecipe } from './recipes/opentofu-providers.ts'
import { programsRecipe } from './recipes/programs.ts'
import { type Cache, keyOf } from './store/cache.ts'
import type { Recipe, Source, Workshop } from './store/part.ts'

/** What recipes are made from. */
export interface RecipesContext {
  readonly runner: CommandRunner
  readonly cache: Cache
  readonly downloader: Downloader
  readonly cacheDirectory: string
  readonly repositoryDirectory: string
  /** The Node executable that images and the node agent get. */
  readonly nodeProgram: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly sources: readonly Source[]
}

/** Every recipe, one per part. */
export function allRecipes(context: RecipesContext): readonly Recipe[] {
  const programs = {
    architecture: hostArchitecture(),
    modulesDirectory: join(context.repositoryDirectory, 'distribution/modules'),
    hostDirectories: hostDirectories(context.environment, context.cacheDirectory),
    sources: context.sources,
    downloader: context.downloader,
    goToolchain: createGoToolchain(context),
  }
  const images = {
    architecture: programs.architecture,
    chartsDirectory: join(context.repositoryDirectory, 'charts'),
    modulesDirectory: join(context.repositoryDirectory, 'cluster-bootstrap/src/infrastructure/opentofu/modules'),
  }
  return [
    ...Object.entries(programPins).map(([part, pin]) => programsRecipe(programs, part as ProgramsPart, pin)),
    debianRecipe(debianPin),
    machineSettingsRecipe(),
    machineProgramsRecipe(),
    assetsRecipe(),
    openTofuProvidersRecipe(programs.architecture),
    ...deployables.map((deployable) => bundleRecipe(context.repositoryDirectory, deployable)),
    nodeRecipe(context.nodeProgram),
    machineAgentRecipe(),
    ...layerNames.map((layer) => layerRecipe(images, layer)),
    ...(Object.keys(imageSets) as (keyof typeof imageSets)[]).map((set) => imagesRecipe(images, set)),
  ]
}

/** Finds or installs a Go toolchain once, when the first part is built from source. */
function createGoToolchain(context: RecipesContext): (workshop: Workshop) => Promise<GoToolchain> {
  let toolchain: Promise<GoToolchain> | undefined
  return (workshop) => {
    toolchain ??= obtainGo(context, workshop)
    return toolchain
  }
}

/** The host's Go toolchain when it is new enough, else the pinned one, which the cache gets first. */
export async function obtainGo(
  context: Pick<RecipesContext, 'runner' | 'downloader' | 'environment' | 'cache'>,
  workshop: Pick<Workshop, 'report' | 'signal'>,
): Promise<GoToolchain> {
  const { runner, downloader, environment } = context
  const found = await findGo(runner, environment)
  if (found !== undefined) return found
  const architecture = hostArchitecture()
  const key = keyOf('go', [goToolchainPin.version, architecture])
  const entry = await context.cache.obtain('go', key, async (directory, scratch) => {
    await ensureHostPackages(runner, ['unzip'], (line) => workshop.report('downloading', line))
    workshop.report('downloading', goToolchainPin.version)
    const proxy = await findModuleProxy(runner, environment.GOPROXY, (line) => workshop.report('downloading', line))
    await installGo(downloader, runner, { architecture, directory, scratch, proxy, signal: workshop.signal })
    return 'download'
  })
  return { program: join(entry.directory, 'bin/go'), version: goToolchainPin.version }
}
