import { overlaps, parseCidr } from '@trellis/api/cidr'
import type { Node } from '@trellis/api/core/node'
import type { CloudRoute, RouteRequest } from '@trellis/cloudprovider/contract/cloud-network'

/** What has to change for the cloud to lead the packets of each pod to its node. */
export interface RoutePlan {
  readonly remove: readonly CloudRoute[]
  readonly add: readonly RouteRequest[]
  /** Routes that are there and right. */
  readonly keep: readonly RouteRequest[]
}

/**
 * Compares the routes of a network with the pod ranges of its nodes. Routes outside `clusterCidr` are somebody else's and left alone; without
 * one, every route of the network is the cluster's. Of two nodes with the same range, the older one gets it. Pure.
 */
export function planRoutes(
  nodes: readonly Node[],
  routes: readonly CloudRoute[],
  clusterCidr: string | undefined,
): RoutePlan {
  const wanted = wantedRoutes(nodes)
  const right = (route: CloudRoute) => route.node !== undefined && wanted.get(route.destination) === route.node
  const whole = routes.filter((route) => right(route) && route.partial !== true)
  const present = new Set(whole.map(({ destination }) => destination))
  const requests = [...wanted].map(([destination, node]) => ({ destination, node }))
  return {
    remove: routes.filter((route) => !right(route) && isOurs(route, clusterCidr)),
    add: requests.filter(({ destination }) => !present.has(destination)),
    keep: requests.filter(({ destination }) => present.has(destination)),
  }
}

/** The IPv4 pod ranges of a node, as the cloud writes them. */
export function podRanges({ spec }: Node): readonly string[] {
  const written = spec?.podCIDRs ?? (spec?.podCIDR === undefined ? [] : [spec.podCIDR])
  return written.flatMap((text) => parseCidr(text)?.text ?? [])
}

function wantedRoutes(nodes: readonly Node[]): Map<string, string> {
  const living = nodes.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  const byAge = [...living].sort((a, b) => compare(age(a), age(b)) || compare(a.metadata.name, b.metadata.name))
  const wanted = new Map<string, string>()
  for (const node of byAge) {
    for (const range of podRanges(node)) if (!wanted.has(range)) wanted.set(range, node.metadata.name)
  }
  return wanted
}

function age({ metadata }: Node): string {
  return metadata.creationTimestamp ?? ''
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function isOurs({ destination }: CloudRoute, clusterCidr: string | undefined): boolean {
  const [cluster, route] = [clusterCidr, destination].map((text) => (text === undefined ? undefined : parseCidr(text)))
  return cluster === undefined || (route !== undefined && overlaps(cluster, route))
}
