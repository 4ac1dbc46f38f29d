import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { Failure } from './failure.ts'

const flag = '--config'

/** The path that a command line of nothing but `--config FILE` names. Throws `Invalid` that names the flag; `command` stands before it in the remedy, as in `http-connect --config FILE`. */
export function configurationPath(args: readonly string[], command?: string): string {
  const words = command === undefined ? `${flag} FILE` : `${command} ${flag} FILE`
  const usage = { field: flag, remedy: `start it with ${words} and nothing else` }
  try {
    const { config } = parseArgs({ args: [...args], options: { config: { type: 'string' } } }).values
    if (config !== undefined) return config
  } catch (error) {
    throw new Failure('Invalid', 'the command line cannot be read', { ...usage, cause: error })
  }
  throw new Failure('Invalid', 'no configuration file is named', usage)
}

/** The content of a JSON file. Throws `NotFound` when it cannot be read and `Invalid` when it is not JSON, both of which name `field`, the flag by which somebody named the file. */
export async function readJsonFile(path: string, field: string = flag): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new Failure('NotFound', `${path} cannot be read`, { field, cause: error })
  })
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Failure('Invalid', `${path} is not JSON`, { field, cause: error })
  }
}
