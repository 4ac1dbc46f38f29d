import { Failure } from '@trellis/foundation/failure'

/** Prefix of the tag that says to which cluster a server belongs. */
export const clusterTagPrefix = 'kubernetes.io/cluster/'

/** Prefix of the tag that says what a server is in its cluster. */
export const roleTagPrefix = 'kubernetes.io/role/'

/** Tag that holds the name of the server's machine. */
export const machineNameTag = 'machine.sapcloud.io/name'

/** How a cloud writes the tags that mark what is ours, and where its classes have them. */
export interface TagSyntax {
  readonly clusterPrefix: string
  readonly rolePrefix: string
  /** Path of the tags, as in `providerSpec.tags`. */
  readonly field: string
}

const usualSyntax: TagSyntax = {
  clusterPrefix: clusterTagPrefix,
  rolePrefix: roleTagPrefix,
  field: 'providerSpec.tags',
}

/** The tags that mark what is ours: exactly those with the cluster and role prefixes. Throws `Invalid` when one of the two is missing. */
export function ownershipTags(
  tags: Readonly<Record<string, string>>,
  { clusterPrefix, rolePrefix, field }: TagSyntax = usualSyntax,
): Readonly<Record<string, string>> {
  const owned = Object.entries(tags).filter(([key]) => key.startsWith(clusterPrefix) || key.startsWith(rolePrefix))
  for (const prefix of [clusterPrefix, rolePrefix]) {
    if (owned.some(([key]) => key.startsWith(prefix) && key.length > prefix.length)) continue
    throw new Failure('Invalid', `no tag begins with ${prefix}`, {
      field,
      remedy: `add a tag such as "${prefix}NAME": "1"`,
    })
  }
  return Object.fromEntries(owned)
}

/** Whether `tags` contains every one of `wanted`. */
export function carries(tags: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, value]) => tags[key] === value)
}
