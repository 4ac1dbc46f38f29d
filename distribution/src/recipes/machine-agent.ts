import { chmod, copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runOrThrow } from '@trellis/foundation/command'
import type { Recipe } from '../store/part.ts'
import { bundleFile, bundlePart } from './bundles.ts'
import { makeFolder } from './layer-files.ts'

/** Raised when what this recipe does with its inputs changes. */
const revision = '2'

/** The recipe of the layer with the node agent: Node and the agent's bundle in one executable file. */
export function machineAgentRecipe(): Recipe {
  const bundle = bundlePart('node-agent')
  return {
    part: 'machine-agent',
    needs: [bundle, 'node'],
    heavy: false,
    inputs: async () => [revision],
    make: async ({ directory, scratch, part, report, runner }) => {
      report('building', 'single executable')
      const settings = join(scratch, 'executable.json')
      await copyFile(join(part(bundle).directory, bundleFile('node-agent')), join(scratch, 'main.mjs'))
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
      await runOrThrow(runner, join(part('node').directory, 'bin/node'), ['--build-sea', settings], {
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
