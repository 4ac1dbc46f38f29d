import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '@trellis/foundation/failure'
import type { CloudAddress } from './client.ts'

/** Names that the CA file may have: as the cloud writes it, and as the Secret's key. */
const authorityFiles = ['caBundle', 'ca.crt']

/**
 * Reads how to reach the cloud from a directory with the files `endpoint`, `token` and `caBundle` (or `ca.crt`), as a mounted Secret is.
 * Throws `NotFound` that names the file when one is missing, `Invalid` when one is empty.
 */
export async function readCredentialsDirectory(directory: string): Promise<CloudAddress> {
  const [endpoint, token, caBundle] = await Promise.all([
    readFirst(directory, ['endpoint']),
    readFirst(directory, ['token']),
    readFirst(directory, authorityFiles),
  ])
  return { endpoint, token, caBundle }
}

async function readFirst(directory: string, names: readonly string[]): Promise<string> {
  for (const name of names) {
    const text = await readIfThere(join(directory, name))
    if (text === undefined) continue
    if (text.trim() !== '') return text.trim()
    throw new Failure('Invalid', `${join(directory, name)} is empty`)
  }
  throw new Failure('NotFound', `there is no ${names.join(' or ')} in ${directory}`, {
    remedy: 'mount the Secret cloud-credentials there',
  })
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new Failure('Unavailable', `${file} cannot be read`, { cause: error })
  }
}
