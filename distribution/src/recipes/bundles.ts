import { join } from 'node:path'
import { bundleDeployable, bundleInputs, type Deployable, entryOf } from '../bundle.ts'
import type { Recipe } from '../store/part.ts'

/** Raised when what this recipe does with its inputs changes. */
const revision = '4'

/** Name of the file that a deployable's bundle begins with, and of its script in images. Lists of processes tell deployables apart by it. */
export function bundleFile(deployable: Deployable): string {
  return `${deployable}.mjs`
}

/** The recipe of one deployable of ours as JavaScript: the file that it begins with, and beside it what it loads lazily. */
export function bundleRecipe(repositoryDirectory: string, deployable: Deployable): Recipe {
  return {
    part: bundlePart(deployable),
    needs: [],
    heavy: false,
    inputs: async () => {
      await entryOf(repositoryDirectory, deployable)
      return [revision, ...(await bundleInputs(repositoryDirectory, deployable))]
    },
    make: async (workshop) => {
      workshop.report('building', 'bundling')
      const entry = await entryOf(repositoryDirectory, deployable)
      // The agent becomes one executable, which can load no file beside it.
      const form = deployable === 'node-agent' ? 'one-file' : 'lazy-files'
      await bundleDeployable(repositoryDirectory, entry, join(workshop.directory, bundleFile(deployable)), form)
      return 'build'
    },
  }
}

/** Name of the part that holds a deployable's bundle. */
export function bundlePart(deployable: Deployable): string {
  return `bundle-${deployable}`
}
