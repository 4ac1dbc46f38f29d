import type { CloudLoadBalancers, LoadBalancerRequest } from '@trellis/cloudprovider/contract/cloud-network'
import { isFailure } from '@trellis/foundation/failure'
import type { Balancer, BalancerClient } from './balancer-types.ts'
import { loadBalancerGroups, removeGroup } from './load-balancer-groups.ts'
import { ensureListeners } from './load-balancer-listeners.ts'
import { findPlaces } from './load-balancer-places.ts'
import { loadBalancerTag, loadBalancerTags, serviceTag, shortNameOf, wantedListeners } from './load-balancer-plan.ts'
import { type NodeServers, ownedBy } from './node-servers.ts'
import type { SecurityGroupClient } from './security-groups.ts'
import type { Tags } from './server-tags.ts'
import type { Subnet, SubnetClient } from './subnets.ts'

/** What load balancers are made with. */
export interface AwsLoadBalancersOptions {
  readonly balancers: BalancerClient
  readonly groups: SecurityGroupClient
  readonly subnets: SubnetClient
  readonly servers: NodeServers
  readonly clusterName: string
}

/**
 * Network Load Balancers. Each has a security group, the first of its parts to come and the last to go, which therefore stands for it in lists: whatever is left
 * of one that is half made or half gone is found by it.
 */
export function createAwsLoadBalancers(options: AwsLoadBalancersOptions): CloudLoadBalancers {
  const { groups, clusterName } = options
  return {
    ensureLoadBalancer: (request, { signal } = {}) => ensureLoadBalancer(options, request, signal),
    listLoadBalancers: async ({ signal } = {}) => {
      const found = await groups.findGroups([ownedBy(clusterName)], signal)
      return found.flatMap(({ tags: { [loadBalancerTag]: name, [serviceTag]: service = '' } }) =>
        name === undefined ? [] : [{ name, service }],
      )
    },
    deleteLoadBalancer: (name, { signal } = {}) => deleteLoadBalancer(options, name, signal),
  }
}

async function ensureLoadBalancer(
  options: AwsLoadBalancersOptions,
  request: LoadBalancerRequest,
  signal: AbortSignal | undefined,
) {
  const { balancers, servers, clusterName } = options
  const name = shortNameOf(clusterName, request.name)
  const listeners = wantedListeners(request, name)
  const places = await findPlaces(options, request.internal === true, signal)
  const [{ vpcId }] = places
  const tags = loadBalancerTags(clusterName, request)
  const groupId = await loadBalancerGroups(options, { name, vpcId, tags, listeners }, signal)
  const balancer = await ensureBalancer(
    options,
    { name, internal: request.internal === true, places, groupId, tags },
    signal,
  )
  const found = await Promise.all(
    request.nodes.map(async (node) => ({ node, server: await servers.ofNode(node, signal) })),
  )
  // AWS refuses servers that do not run yet, or no longer.
  const running = found.flatMap(({ server }) => (server?.state === 'running' ? [server.id] : []))
  await ensureListeners(
    balancers,
    { balancerArn: balancer.arn, name, vpcId, tags, listeners, serverIds: running },
    signal,
  )
  const unknownNodes = found.filter(({ server }) => server?.state !== 'running').map(({ node }) => node)
  return { hostname: balancer.dnsName, unknownNodes }
}

interface BalancerRequest {
  readonly name: string
  readonly internal: boolean
  readonly places: readonly Subnet[]
  readonly groupId: string
  readonly tags: Tags
}

async function ensureBalancer(
  { balancers }: AwsLoadBalancersOptions,
  { places, ...request }: BalancerRequest,
  signal: AbortSignal | undefined,
): Promise<Balancer> {
  const found = await balancers.find(request.name, signal)
  // Whether it is internal is decided once.
  const replaced = found !== undefined && found.internal !== request.internal
  if (replaced) await balancers.remove(found.arn, signal)
  const balancer =
    found === undefined || replaced
      ? await balancers.create({ ...request, subnetIds: places.map(({ id }) => id) }, signal)
      : found
  const missing = places.filter(({ zone }) => !balancer.places.some((one) => one.zone === zone))
  if (missing.length > 0) {
    const subnetIds = [...balancer.places.map(({ subnetId }) => subnetId), ...missing.map(({ id }) => id)]
    await balancers.setSubnets(balancer.arn, subnetIds, signal)
  }
  // Otherwise an address would serve the nodes of its own zone alone, and none where there is no node.
  if (!(await balancers.crossesZones(balancer.arn, signal))) await balancers.crossZones(balancer.arn, signal)
  return balancer
}

async function deleteLoadBalancer(
  options: AwsLoadBalancersOptions,
  name: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { balancers, clusterName } = options
  const shortName = shortNameOf(clusterName, name)
  const balancer = await balancers.find(shortName, signal)
  if (balancer !== undefined) await balancers.remove(balancer.arn, signal).catch(passOverAbsent)
  const targetGroups = await balancers.allTargetGroups(signal)
  for (const { arn } of targetGroups.filter((one) => one.name.startsWith(`${shortName}-`))) {
    await balancers.removeTargetGroup(arn, signal).catch(passOverAbsent)
  }
  await removeGroup(options, name, signal)
}

/** What is gone already need not be removed. */
export function passOverAbsent(error: unknown): void {
  if (!isFailure(error, 'NotFound')) throw error
}
