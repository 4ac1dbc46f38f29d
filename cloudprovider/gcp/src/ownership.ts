import { ownershipTags, type TagSyntax } from '@trellis/cloudprovider/contract/tags'

/** How network tags of ownership begin here: the cloud allows neither dots nor slashes. */
export const googleTagSyntax: TagSyntax = {
  clusterPrefix: 'kubernetes-io-cluster-',
  rolePrefix: 'kubernetes-io-role-',
  field: 'providerSpec.tags',
}

/** Label with the name of the machine that something was made for. */
export const machineLabel = 'machine-sapcloud-io-name'

/** Label of disks that the class wants to outlive their servers. */
export const keptLabel = 'machine-sapcloud-io-kept'

/** The network tags that mark what is ours. Throws `Invalid` when the cluster's or the role's is missing. */
export function ownTags(tags: readonly string[]): readonly string[] {
  const all = Object.fromEntries(tags.map((tag) => [tag, '']))
  return Object.keys(ownershipTags(all, googleTagSyntax))
}

/** Whether something with these network tags is ours. Servers of other managers have the same tags, and no labels. */
export function isOwn(present: readonly string[], wanted: readonly string[]): boolean {
  return ownTags(wanted).every((tag) => present.includes(tag))
}

/** Labels of ownership: a key for each network tag of ownership. The cloud can look for labels, but not for network tags. */
export function ownLabels(tags: readonly string[], machineName?: string): Readonly<Record<string, string>> {
  const owned = Object.fromEntries(ownTags(tags).map((tag) => [tag, '1']))
  return machineName === undefined ? owned : { ...owned, [machineLabel]: machineName }
}

/** Whether something with these labels is ours. */
export function isLabelledOwn(labels: Readonly<Record<string, string>>, tags: readonly string[]): boolean {
  return ownTags(tags).every((tag) => labels[tag] !== undefined)
}

/** A filter expression of the API for what carries the labels of ownership, and those of one machine when it is named. */
export function ownFilter(tags: readonly string[], machineName?: string): string {
  const owned = ownTags(tags).map((tag) => `(labels.${tag}:*)`)
  return [...owned, ...(machineName === undefined ? [] : [`(labels.${machineLabel} = "${machineName}")`])].join(' AND ')
}
