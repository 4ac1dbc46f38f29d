import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '@trellis/foundation/failure'

/** The data of a Secret that is mounted as a directory: a file for each key. Throws `NotFound` when the directory is not there or empty. */
export async function readSecretFiles(directory: string): Promise<Readonly<Record<string, string>>> {
  // A mounted volume keeps its generations under names that begin with two dots.
  const names = (await listNames(directory)).filter((name) => !name.startsWith('..'))
  if (names.length > 0) {
    const read = names.map(async (name) => [name, await readFile(join(directory, name), 'utf8')] as const)
    return Object.fromEntries(await Promise.all(read))
  }
  throw new Failure('NotFound', `there are no credentials in ${directory}`, {
    field: '--cloud-credentials',
    remedy: 'mount the Secret cloud-credentials there',
  })
}

async function listNames(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw new Failure('Unavailable', `${directory} cannot be read`, { cause: error })
  }
}
