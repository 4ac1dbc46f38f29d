import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '@trellis/foundation/failure'

/** How the cloud is reached: its HTTPS address, a bearer token, the CA that signed the address. */
export interface CloudCredentials {
  readonly endpoint: string
  readonly token: string
  readonly caBundle: string
}

/** Reads credentials from a directory as Kubernetes mounts a Secret, one file for each key. Throws `NotFound` or `Invalid` that names the file. */
export async function readCloudCredentials(directory: string): Promise<CloudCredentials> {
  const [endpoint, token, caBundle] = await Promise.all(
    ['endpoint', 'token', 'caBundle'].map((name) => readPart(directory, name)),
  )
  return { endpoint: endpoint ?? '', token: token ?? '', caBundle: `${caBundle ?? ''}\n` }
}

async function readPart(directory: string, name: string): Promise<string> {
  const path = join(directory, name)
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new Failure('NotFound', `the cloud credentials lack ${name}`, {
      cause: error,
      field: path,
      remedy: 'mount a Secret with the keys endpoint, token and caBundle',
    })
  })
  if (text.trim() === '') throw new Failure('Invalid', `the cloud credentials have an empty ${name}`, { field: path })
  return text.trim()
}
