import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { Failure } from '@trellis/foundation/failure'

/** Reads the JSON file that the command line (`--config FILE`) names. Throws `Invalid` or `NotFound` that names the flag. */
export async function readConfigurationFile(args: readonly string[]): Promise<unknown> {
  const path = configurationPath(args)
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new Failure('NotFound', `${path} cannot be read`, { field: '--config', cause: error })
  })
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Failure('Invalid', `${path} is not JSON`, { field: '--config', cause: error })
  }
}

function configurationPath(args: readonly string[]): string {
  const usage = { field: '--config', remedy: 'start it with --config FILE and nothing else' }
  try {
    const { config } = parseArgs({ args: [...args], options: { config: { type: 'string' } } }).values
    if (config !== undefined) return config
  } catch (error) {
    throw new Failure('Invalid', 'the command line cannot be read', { ...usage, cause: error })
  }
  throw new Failure('Invalid', 'no configuration file is named', usage)
}
