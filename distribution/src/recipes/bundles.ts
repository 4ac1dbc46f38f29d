import { join } from 'node:path'
import { bundleDeployable, bundleInputs, type Deployable, entryOf } from '../bundle.ts'
import type { Recipe } from '../store/part.ts'

/** Raised when what this recipe does with its inputs changes. */
const revision = '2'

/** The recipe of one deployable of ours as a single JavaScript file, `main.mjs`. */
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
      await bundleDeployable(repositoryDirectory, entry, join(workshop.directory, 'main.mjs'))
      return 'build'
    },
  }
}

/** Name of the part that holds a deployable's bundle. */
export function bundlePart(deployable: Deployable): string {
  return `bundle-${deployable}`
}
