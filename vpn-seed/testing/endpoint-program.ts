import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createIdentities, type Identities, writeIdentity } from './identities.ts'

/** The arguments of Node that start the endpoint, and whose callers it takes. */
export interface EndpointProgram {
  readonly args: readonly string[]
  readonly identities: Identities
}

/** Where it listens and what can be reached. */
export interface EndpointProgramOptions {
  readonly directory: string
  readonly port: number
  readonly healthPort: number
  readonly networks: Readonly<Record<string, readonly string[]>>
}

/** Writes the configuration of an endpoint on the loopback address into the directory. */
export async function prepareEndpoint(options: EndpointProgramOptions): Promise<EndpointProgram> {
  const { directory, ...file } = options
  const identities = await createIdentities()
  const files = await writeIdentity(directory, identities)
  const path = join(directory, 'config.json')
  await writeFile(path, JSON.stringify({ ...file, ...files, host: '127.0.0.1', healthHost: '127.0.0.1' }))
  const program = fileURLToPath(new URL('../src/main.ts', import.meta.url))
  return { args: [program, 'http-connect', '--config', path], identities }
}
