import { chmod, copyFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runOrThrow } from '@trellis/foundation/command'
import type { Recipe } from '../store/part.ts'
import { bundlePart } from './bundles.ts'
import { makeFolder } from './layer-files.ts'

/** Raised when what this recipe does with its inputs changes. */
const revision = '1'

/** What tells one Node executable from another. */
export async function nodeIdentity(nodeProgram: string): Promise<string> {
  const { size } = await stat(nodeProgram)
  return `node ${process.version} ${process.arch} ${size}`
}

/** The recipe of the layer with the node agent: Node and the agent's bundle in one executable file. */
export function machineAgentRecipe(nodeProgram: string): Recipe {
  const bundle = bundlePart('node-agent')
  return {
    part: 'machine-agent',
    needs: [bundle],
    heavy: false,
    inputs: async () => [revision, await nodeIdentity(nodeProgram)],
    make: async ({ directory, scratch, part, report, runner }) => {
      report('building', 'single executable')
      const settings = join(scratch, 'executable.json')
      await copyFile(join(part(bundle).directory, 'main.mjs'), join(scratch, 'main.mjs'))
      await writeFile(
        settings,
        JSON.stringify({
          // Relative, so that no path of this host gets into the executable.
          main: 'main.mjs',
          mainFormat: 'module',
          output: 'node-agent',
          disableExperimentalSEAWarning: true,
          useCodeCache: false,
          useSnapshot: false,
        }),
      )
      await runOrThrow(runner, nodeProgram, ['--build-sea', settings], {
        directory: scratch,
        environment: { NODE_OPTIONS: undefined },
      })
      await makeFolder(directory, 'opt/trellis/bin')
      await copyFile(join(scratch, 'node-agent'), join(directory, 'opt/trellis/bin/node-agent'))
      await chmod(join(directory, 'opt/trellis/bin/node-agent'), 0o755)
      return 'build'
    },
  }
}
