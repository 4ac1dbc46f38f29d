import { Failure } from '@trellis/foundation/failure'

/** Prefix of the tag that says to which cluster a server belongs. */
export const clusterTagPrefix = 'kubernetes.io/cluster/'

/** Prefix of the tag that says what a server is in its cluster. */
export const roleTagPrefix = 'kubernetes.io/role/'

/** Tag that holds the name of the server's machine. */
export const machineNameTag = 'machine.sapcloud.io/name'

/** How the tags of ownership begin; clouds allow different characters in them. */
export interface TagPrefixes {
  readonly cluster: string
  readonly role: string
}

/**
 * The tags that mark what is ours: exactly those with the cluster and role prefixes (which are the usual ones unless told). Throws `Invalid` when one of the two is missing.
 */
export function ownershipTags(
  tags: Readonly<Record<string, string>>,
  { cluster, role }: TagPrefixes = { cluster: clusterTagPrefix, role: roleTagPrefix },
): Readonly<Record<string, string>> {
  const owned = Object.entries(tags).filter(([key]) => key.startsWith(cluster) || key.startsWith(role))
  for (const prefix of [cluster, role]) {
    if (owned.some(([key]) => key.startsWith(prefix) && key.length > prefix.length)) continue
    throw new Failure('Invalid', `no tag begins with ${prefix}`, {
      field: 'providerSpec.tags',
      remedy: `add a tag such as "${prefix}NAME": "1"`,
    })
  }
  return Object.fromEntries(owned)
}

/** Whether `tags` contains every one of `wanted`. */
export function carries(tags: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, value]) => tags[key] === value)
}
