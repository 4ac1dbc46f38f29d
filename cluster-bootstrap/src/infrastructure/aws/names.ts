import { clusterTagPrefix } from '@trellis/cloudprovider/contract/tags'
import type { SubnetUse } from './configuration.ts'
import type { Sort, Tags } from './network-types.ts'

/** Keys of what is there once, as in the state. */
export const keys = {
  dhcpOptions: 'dhcp-options',
  vpc: 'vpc',
  gateway: 'internet-gateway',
  table: 'route-table',
  group: 'security-group',
  keyPair: 'key-pair',
  role: 'role',
  policy: 'role-policy',
  profile: 'instance-profile',
} as const

/** Keys of what each zone has. */
export function zoneKeys(zone: string) {
  return {
    subnet: (use: SubnetUse) => `zone/${zone}/subnet-${use}`,
    address: `zone/${zone}/elastic-ip`,
    nat: `zone/${zone}/nat-gateway`,
    table: `zone/${zone}/route-table`,
  }
}

/** The zone that a key is of; undefined for what is there once. */
export function zoneOf(key: string): string | undefined {
  return /^zone\/([^/]+)\//.exec(key)?.[1]
}

/** Key of the tag that everything of a cluster has, whoever made it. */
export function clusterTag(technicalId: string): string {
  return `${clusterTagPrefix}${technicalId}`
}

/** Tags of what has this key. */
export function tagsOf(technicalId: string, key: string): Tags {
  return { Name: nameOf(technicalId, key), [clusterTag(technicalId)]: '1', ...roleTags(key) }
}

/** Name of what has this key: unique within an account, since the technical id is. */
export function nameOf(technicalId: string, key: string): string {
  return `${technicalId}/${key}`
}

/** The key in a name; undefined when it is no name of the cluster's infrastructure. */
export function keyIn(technicalId: string, name: string | undefined): string | undefined {
  const prefix = `${technicalId}/`
  return name?.startsWith(prefix) ? name.slice(prefix.length) : undefined
}

/** Where the cluster's own controller puts load balancers. */
function roleTags(key: string): Tags {
  if (key.endsWith('/subnet-public')) return { 'kubernetes.io/role/elb': '1' }
  return key.endsWith('/subnet-internal') ? { 'kubernetes.io/role/internal-elb': '1' } : {}
}

const sortsByEnd: readonly (readonly [string, Sort])[] = [
  ['dhcp-options', 'dhcp-options'],
  ['vpc', 'vpc'],
  ['internet-gateway', 'internet-gateway'],
  ['nat-gateway', 'natgateway'],
  ['route-table', 'route-table'],
  ['subnet-workers', 'subnet'],
  ['subnet-public', 'subnet'],
  ['subnet-internal', 'subnet'],
  ['elastic-ip', 'elastic-ip'],
  ['security-group', 'security-group'],
  ['key-pair', 'key-pair'],
]

/** The sort of thing that a key stands for; undefined for those of IAM. */
export function sortOf(key: string): Sort | undefined {
  const end = key.split('/').at(-1)
  return sortsByEnd.find(([name]) => name === end)?.[1]
}
