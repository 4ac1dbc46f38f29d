import { stat } from 'node:fs/promises'
import { readJsonFile } from '@trellis/foundation/configuration-file'
import type { TunnelFile } from './file.ts'
import { readTunnelSettings } from './read-settings.ts'
import type { TunnelRole, TunnelSettings } from './settings.ts'

/** A configuration as it was read, with the keys. */
export interface Configuration {
  readonly file: TunnelFile
  readonly settings: TunnelSettings
  /** What it was read from: itself and the keys. */
  readonly paths: readonly string[]
}

/** Reads a configuration file and the keys that it names. Throws `NotFound` or `Invalid` that name the field. */
export async function readConfiguration(
  path: string,
  { parse, role }: { readonly parse: (input: unknown) => TunnelFile; readonly role: TunnelRole },
): Promise<Configuration> {
  const file = parse(await readJsonFile(path))
  const keys = file.links.flatMap(({ privateKeyFile, peer }) => [privateKeyFile, peer.presharedKeyFile ?? []].flat())
  return { file, settings: await readTunnelSettings(file, role), paths: [path, ...keys] }
}

/** Changes whenever one of the files is replaced or written to; says so, too, where one is missing. Costs far less than reading them. */
export async function fingerprintOf(paths: readonly string[]): Promise<string> {
  const parts = paths.map(async (path) => {
    try {
      const { ino, size, mtimeNs } = await stat(path, { bigint: true })
      return `${ino}/${size}/${mtimeNs}`
    } catch {
      return 'missing'
    }
  })
  return (await Promise.all(parts)).join(' ')
}
