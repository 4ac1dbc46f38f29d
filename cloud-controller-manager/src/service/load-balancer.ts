import type { Node } from '@trellis/api/core/node'
import type { EndpointSlice, Service, ServicePort } from '@trellis/api/core/service'
import { keyOf, keyText } from '@trellis/api/meta'
import type { LoadBalancerListener, LoadBalancerRequest } from '@trellis/cloudprovider/contract/cloud-network'

/** Keeps a Service until its load balancer is gone. */
export const loadBalancerFinalizer = 'service.kubernetes.io/load-balancer-cleanup'

/** What is to become of a Service at the cloud. */
export type LoadBalancerDecision =
  | { readonly kind: 'none' }
  | { readonly kind: 'wanted'; readonly request: LoadBalancerRequest }
  | { readonly kind: 'impossible'; readonly reason: string }

/** Labels and taints that keep load balancers off a node. */
const excludedLabel = 'node.kubernetes.io/exclude-from-external-load-balancers'
const leavingTaint = 'ToBeDeletedByClusterAutoscaler'

/** Which load balancer a Service wants, with the nodes that take its traffic. Pure. */
export function decideLoadBalancer(
  service: Service | undefined,
  nodes: readonly Node[],
  slices: readonly EndpointSlice[],
): LoadBalancerDecision {
  if (service === undefined || !wantsLoadBalancer(service)) return { kind: 'none' }
  const ports = service.spec?.ports ?? []
  const reason = impossibility(service, ports)
  if (reason !== undefined) return { kind: 'impossible', reason }
  return {
    kind: 'wanted',
    request: {
      name: loadBalancerName(service),
      service: keyText(keyOf(service)),
      listeners: ports.flatMap(listenerOf),
      nodes: targetNodes(service, nodes, slices),
      ...(isInternal(service) ? { internal: true } : {}),
    },
  }
}

/** Whether a Service asks for a load balancer from us. One with a class asks somebody else. */
export function wantsLoadBalancer({ metadata, spec }: Service): boolean {
  return (
    spec?.type === 'LoadBalancer' && spec.loadBalancerClass === undefined && metadata.deletionTimestamp === undefined
  )
}

/** Whether a Service has, or may have, something at the cloud. */
export function concernsCloud(service: Service): boolean {
  return wantsLoadBalancer(service) || hasFinalizer(service)
}

/** Whether the Service waits for its load balancer to go before it goes itself. */
export function hasFinalizer({ metadata }: Service): boolean {
  return metadata.finalizers?.includes(loadBalancerFinalizer) ?? false
}

/** The same for the life of a Service, and another for its successor of the same name. */
export function loadBalancerName({ metadata }: Service): string {
  return `lb-${metadata.uid ?? ''}`
}

/** Annotations by which Services of one cloud or another ask to be reached from inside its network alone. */
const internalAnnotations: readonly (readonly [string, RegExp])[] = [
  ['service.beta.kubernetes.io/aws-load-balancer-internal', /^(?!false$|$)/],
  ['service.beta.kubernetes.io/openstack-internal-load-balancer', /^true$/],
  ['networking.gke.io/load-balancer-type', /^internal$/i],
]

function isInternal({ metadata }: Service): boolean {
  return internalAnnotations.some(([key, pattern]) => pattern.test(metadata.annotations?.[key] ?? ''))
}

/** Restrictions that would silently not hold are refused. */
function impossibility({ spec }: Service, ports: readonly ServicePort[]): string | undefined {
  if ((spec?.loadBalancerSourceRanges ?? []).length > 0) return 'spec.loadBalancerSourceRanges is not supported'
  const sctp = ports.find(({ protocol }) => protocol === 'SCTP')
  if (sctp !== undefined) return `port ${sctp.port}: protocol SCTP is not supported`
  const closed = ports.find(({ nodePort }) => nodePort === undefined || nodePort === 0)
  if (closed !== undefined) return `port ${closed.port} has no node port; set spec.allocateLoadBalancerNodePorts`
  return undefined
}

function listenerOf({ name, protocol = 'TCP', port, nodePort }: ServicePort): LoadBalancerListener[] {
  if (protocol === 'SCTP' || nodePort === undefined) return []
  return [{ name: name || `${protocol.toLowerCase()}-${port}`, protocol, port, nodePort }]
}

function targetNodes(service: Service, nodes: readonly Node[], slices: readonly EndpointSlice[]): string[] {
  const present = nodes.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  if (service.spec?.externalTrafficPolicy === 'Local') {
    const hosts = nodesWithEndpoints(slices)
    return names(present.filter(({ metadata }) => hosts.has(metadata.name)))
  }
  // The cloud does not look at health, so doubtful nodes are left out, but a door to a doubtful node is better than none:
  // a cluster of one node that restarts, or whose only node is a control plane, keeps its address alive.
  const admitted = present.filter(admitsTraffic)
  const ready = admitted.filter(isReady)
  return names([ready, admitted, present].find((some) => some.length > 0) ?? [])
}

function names(nodes: readonly Node[]): string[] {
  return nodes.map(({ metadata }) => metadata.name).sort()
}

function nodesWithEndpoints(slices: readonly EndpointSlice[]): Set<string> {
  const ready = slices
    .flatMap(({ endpoints }) => endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false)
  return new Set(ready.flatMap(({ nodeName }) => nodeName ?? []))
}

function admitsTraffic({ metadata, spec }: Node): boolean {
  return !(excludedLabel in (metadata.labels ?? {})) && !spec?.taints?.some(({ key }) => key === leavingTaint)
}

function isReady({ status }: Node): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false
}

/** What of a node matters to load balancers, as text to compare. */
export function nodeFingerprint(node: Node | undefined): string {
  if (node === undefined) return ''
  return JSON.stringify([node.metadata.deletionTimestamp === undefined, admitsTraffic(node), isReady(node)])
}
