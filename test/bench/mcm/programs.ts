import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bundleDeployable, entryOf } from '@trellis/distribution/bundle'
import { cacheDirectoryOf } from '@trellis/distribution/cache-directory'
import { createDistribution } from '@trellis/distribution/distribution'
import { imageDefinitions } from '@trellis/distribution/recipes/image-contents'
import type { Clock } from '@trellis/foundation/clock'
import { createCommandRunner } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import { createLog } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'

/** The root of the repository. */
const repositoryDirectory = join(import.meta.dirname, '../../..')

/** How the manager is started: as its container is. */
export interface ManagerProgram {
  /** Flags of the runtime, then the script. */
  readonly arguments: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly concurrentSyncs: number
}

/** The directory with etcd and kube-apiserver: the one that the environment names, else the distribution's, which gets what is missing. */
export async function ensureAssets(clock: Clock, random: Random, signal: AbortSignal): Promise<string> {
  const told = process.env.KUBEBUILDER_ASSETS
  if (told !== undefined && told !== '') return told
  const distribution = createDistribution({
    clock,
    random,
    log: createLog('bench', 'warn'),
    runner: createCommandRunner(),
    cacheDirectory: cacheDirectoryOf(process.env),
    repositoryDirectory,
  })
  const { assetsDirectory } = await distribution.ensure(['assets'], () => {}, signal)
  if (assetsDirectory !== undefined) return assetsDirectory
  throw new Failure('NotFound', 'the distribution has no programs for control planes')
}

/** Bundles the manager into the directory, and reads from the image and the chart how it ships. */
export async function bundleManager(directory: string): Promise<ManagerProgram> {
  const script = join(directory, 'mcm.mjs')
  await bundleDeployable(repositoryDirectory, await entryOf(repositoryDirectory, 'mcm'), script)
  const { entrypoint = [], environment = [] } = imageDefinitions.mcm
  const chart = join(repositoryDirectory, 'charts/machine-controller-manager')
  const deployment = await readFile(join(chart, 'templates/deployment.yaml'), 'utf8')
  const values = await readFile(join(chart, 'values.yaml'), 'utf8')
  const nodeOptions = found(/name: NODE_OPTIONS, value: ['"]?([^'"}]+?)['"]? }/, deployment, 'NODE_OPTIONS')
  return {
    arguments: [...entrypoint.slice(1, -1), script],
    environment: { ...Object.fromEntries(environment.map(splitVariable)), NODE_OPTIONS: nodeOptions },
    concurrentSyncs: Number(found(/^concurrentSyncs: (\d+)$/m, values, 'concurrentSyncs')),
  }
}

function splitVariable(text: string): readonly [string, string] {
  const end = text.indexOf('=')
  return [text.slice(0, end), text.slice(end + 1)]
}

function found(pattern: RegExp, text: string, what: string): string {
  const value = pattern.exec(text)?.[1]
  if (value !== undefined) return value
  throw new Failure('NotFound', `the chart of the machine controller manager says nothing of ${what}`)
}
