import { join } from 'node:path'
import { bundleDeployable, bundleInputs, type Deployable, entryOf } from '../bundle.ts'
import type { Recipe } from '../store/part.ts'

/** Raised when what this recipe does with its inputs changes. */
const revision = '1'

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
      await bundleDeployable(await entryOf(repositoryDirectory, deployable), join(workshop.directory, 'main.mjs'))
      return 'build'
    },
  }
}

/** Name of the part that holds a deployable's bundle. */
export function bundlePart(deployable: Deployable): string {
  return `bundle-${deployable}`
}
