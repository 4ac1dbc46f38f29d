import { createHash } from 'node:crypto'
import type { LoadBalancerListener, LoadBalancerRequest } from '@trellis/cloudprovider/contract/cloud-network'
import { clusterTagPrefix } from '@trellis/cloudprovider/contract/tags'
import { Failure } from '@trellis/foundation/failure'
import type { Tags } from './server-tags.ts'

/** Tag that holds the whole name of a load balancer, on all that belongs to it. */
export const loadBalancerTag = 'trellis.internal/load-balancer'

/** Tag that holds the key of the Service that it is for. */
export const serviceTag = 'kubernetes.io/service-name'

/** Port of every node where kube-proxy tells whether it does its work; both protocols are checked there, since UDP cannot be. */
export const healthPort = 10_256

/** What a load balancer is to listen to. */
export interface WantedListener {
  readonly protocol: 'TCP' | 'UDP' | 'TCP_UDP'
  readonly port: number
  readonly nodePort: number
  /** Name of the target group that its traffic goes to. */
  readonly targetGroup: string
}

/**
 * What AWS calls a load balancer: 24 characters, since it takes no more than 32 and target groups have a port behind it. The same for the same cluster and name, and
 * unlike all others of the account.
 */
export function shortNameOf(clusterName: string, name: string): string {
  const digest = (text: string, length: number) => createHash('sha256').update(text).digest('hex').slice(0, length)
  return `t${digest(clusterName, 7)}${digest(name, 16)}`
}

/** Tags of all that belongs to a load balancer. */
export function loadBalancerTags(clusterName: string, { name, service }: LoadBalancerRequest): Tags {
  return { [`${clusterTagPrefix}${clusterName}`]: '1', [loadBalancerTag]: name, [serviceTag]: service, Name: name }
}

/** The listeners of a load balancer. AWS takes one for each port number. Throws `Invalid` when two protocols of one port want different node ports. */
export function wantedListeners({ listeners }: LoadBalancerRequest, shortName: string): readonly WantedListener[] {
  const byPort = Map.groupBy(listeners, ({ port }) => port)
  return [...byPort].map(([port, some]) => ({
    port,
    protocol: protocolOf(some),
    nodePort: commonNodePort(port, some),
    targetGroup: targetGroupName(shortName, { protocol: protocolOf(some), port }),
  }))
}

/** Name of the target group of a listener: its load balancer's, then what it listens to. */
export function targetGroupName(
  shortName: string,
  { protocol, port }: { readonly protocol: string; readonly port: number },
): string {
  const letters: Readonly<Record<string, string>> = { TCP: 't', UDP: 'u' }
  return `${shortName}-${letters[protocol] ?? 'b'}${port}`
}

function protocolOf(listeners: readonly LoadBalancerListener[]): WantedListener['protocol'] {
  const protocols = new Set(listeners.map(({ protocol }) => protocol))
  if (protocols.size > 1) return 'TCP_UDP'
  return protocols.has('UDP') ? 'UDP' : 'TCP'
}

function commonNodePort(port: number, listeners: readonly LoadBalancerListener[]): number {
  const [nodePort, ...others] = new Set(listeners.map((one) => one.nodePort))
  if (nodePort !== undefined && others.length === 0) return nodePort
  throw new Failure('Invalid', `port ${port}: TCP and UDP must have the same node port at AWS`, {
    field: 'spec.ports',
    remedy: 'give both ports of the Service the same nodePort',
  })
}

/** What is in one list alone, by a key. */
export function differences<Left, Right>(
  wanted: readonly Left[],
  present: readonly Right[],
  keys: { readonly wanted: (one: Left) => string; readonly present: (one: Right) => string },
): { readonly missing: readonly Left[]; readonly stale: readonly Right[] } {
  const [wantedKeys, presentKeys] = [new Set(wanted.map(keys.wanted)), new Set(present.map(keys.present))]
  return {
    missing: wanted.filter((one) => !presentKeys.has(keys.wanted(one))),
    stale: present.filter((one) => !wantedKeys.has(keys.present(one))),
  }
}
