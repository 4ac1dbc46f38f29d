import { chmod, copyFile, mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Recipe } from '../store/part.ts'

/** The recipe of the Node runtime of our images and of the node agent: the official executable that runs this very process. */
export function nodeRecipe(nodeProgram: string): Recipe {
  return {
    part: 'node',
    needs: [],
    heavy: false,
    inputs: async () => [process.version, process.arch, String((await stat(nodeProgram)).size)],
    make: async ({ directory }) => {
      await mkdir(join(directory, 'bin'))
      await copyFile(nodeProgram, join(directory, 'bin/node'))
      await chmod(join(directory, 'bin/node'), 0o755)
      return 'host'
    },
  }
}
