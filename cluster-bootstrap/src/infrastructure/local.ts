import { clusterTagPrefix } from '@trellis/cloudprovider/contract/tags'
import type { CloudClient, Network } from '@trellis/cloudprovider/local/client'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'

/** Tags of everything that belongs to a cluster at the local cloud. */
export function clusterTags(technicalId: string): Readonly<Record<string, string>> {
  return { [`${clusterTagPrefix}${technicalId}`]: '1' }
}

/**
 * Makes the network of a shoot, or adopts the one that is there. Throws `Conflict` when a network of that name has another range: the range
 * of a network cannot change.
 */
export function ensureNetwork(
  cloud: CloudClient,
  technicalId: string,
  cidr: string,
  signal?: AbortSignal,
): Promise<Network> {
  return cloud.createNetwork({ name: technicalId, cidr, tags: clusterTags(technicalId) }, { signal })
}

/** What destroying needs. */
export interface DestroyOptions {
  readonly clock: Clock
  readonly cloud: CloudClient
  readonly technicalId: string
  readonly signal: AbortSignal
  readonly note: (text: string) => void
}

/** The cloud tells nothing by itself: this is how often it is asked whether something is gone. */
const askAgainMilliseconds = 200

/** Takes down everything in the network of a shoot, whoever made it, and the network itself. Harmless to repeat and when there is none. */
export async function destroyNetwork(options: DestroyOptions): Promise<void> {
  const { cloud, technicalId, signal } = options
  for (;;) {
    const network = (await cloud.listNetworks({ name: technicalId }, { signal })).find(
      (one) => one.name === technicalId,
    )
    if (network === undefined) return
    if (await emptied(options, network)) {
      const deletion = await cloud.deleteNetwork(network.id, { signal }).catch((error: unknown) => {
        if (error instanceof Failure && error.kind === 'Conflict') return 'deleting' as const
        throw error
      })
      if (deletion === 'gone') return
    }
    await options.clock.sleep(askAgainMilliseconds, signal)
  }
}

/** Asks for the deletion of all that is in a network; true once nothing is. */
async function emptied({ cloud, signal, note }: DestroyOptions, network: Network): Promise<boolean> {
  const [balancers, servers, routes] = await Promise.all([
    cloud.listLoadBalancers({ network: network.id }, { signal }),
    cloud.listServers({ network: network.id }, { signal }),
    cloud.listRoutes(network.id, { signal }),
  ])
  await Promise.all([
    ...balancers.map((balancer) => cloud.deleteLoadBalancer(balancer.name, { signal })),
    ...servers.filter((one) => one.state !== 'deleting').map((server) => cloud.deleteServer(server.id, { signal })),
    ...routes.map((route) => cloud.deleteRoute(network.id, route.id, { signal })),
  ])
  const left = [
    ...servers.map((server) => `server ${server.name}`),
    ...balancers.map((balancer) => `load balancer ${balancer.name}`),
  ]
  if (left.length > 0) note(`waiting for ${left.join(', ')} to go`)
  return left.length === 0
}
