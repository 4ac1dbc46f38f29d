import { createHash } from 'node:crypto'
import { keepsVolumes } from './block-devices.ts'
import { keepsInterfaces } from './network-interfaces.ts'
import type { AwsProviderSpec } from './provider-spec.ts'

/** Tag that holds a server's machine name at AWS, also shown by its console. */
export const nameTag = 'Name'

/** Tag that remembers which tags came from the class, so that one that the class lost can be told from those of others. */
export const classTagsTag = 'machine.sapcloud.io/class-tags'

/** Tag on volumes and interfaces of servers whose class wants some of them to outlive the server: they are nobody's leftovers. */
export const keptTag = 'machine.sapcloud.io/kept'

/** Tags by key. */
export type Tags = Readonly<Record<string, string>>

/** All tags that a machine's server has from us. */
export function serverTags(machineName: string, spec: AwsProviderSpec): Tags {
  const own = Object.keys(spec.tags).filter((key) => key !== nameTag)
  return { ...spec.tags, [nameTag]: machineName, [classTagsTag]: own.map(fingerprint).sort().join(' ') }
}

/** The same for its volumes, and for its interfaces. */
export function partTags(
  machineName: string,
  spec: AwsProviderSpec,
): Readonly<Record<'volume' | 'network-interface', Tags>> {
  const tags = serverTags(machineName, spec)
  const kept = { ...tags, [keptTag]: 'true' }
  return {
    volume: keepsVolumes(spec.blockDevices) ? kept : tags,
    'network-interface': keepsInterfaces(spec.networkInterfaces) ? kept : tags,
  }
}

/** What has to change for the tags that are there to become the wanted ones: only tags that came from the class are taken away. */
export function tagChanges(present: Tags, wanted: Tags): { readonly set: Tags; readonly unset: readonly string[] } {
  const fromClass = new Set((present[classTagsTag] ?? '').split(' '))
  const set = Object.entries(wanted).filter(([key, value]) => present[key] !== value)
  const unset = Object.keys(present).filter((key) => wanted[key] === undefined && fromClass.has(fingerprint(key)))
  return { set: Object.fromEntries(set), unset }
}

/** Four characters for a key: those of all fifty keys fit into one tag. */
function fingerprint(key: string): string {
  return createHash('sha256').update(key).digest('base64url').slice(0, 4)
}
