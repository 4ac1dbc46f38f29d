import { clusterTagPrefix } from '@trellis/cloudprovider/contract/tags'
import type { CloudClient, Network } from '@trellis/cloudprovider/local/client'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import type { InfrastructureEngine, InfrastructureRequest, PlannedChange } from './engine.ts'

/** What the engine of the embedded cloud works with. */
export interface LocalInfrastructureOptions {
  readonly clock: Clock
  readonly cloud: CloudClient
}

/**
 * The engine of the embedded cloud, whose shoots have one network each, named after them. Outputs: `network`, its name, and `egressAddress`, from which its
 * servers appear outside. `Conflict` when a network of that name has another range: the range of a network cannot change.
 */
export function createLocalInfrastructure(options: LocalInfrastructureOptions): InfrastructureEngine {
  const { cloud } = options
  return {
    apply: async ({ technicalId, networks, signal, save }) => {
      signal.throwIfAborted()
      const wish = { name: technicalId, cidr: networks.nodes, tags: { [`${clusterTagPrefix}${technicalId}`]: '1' } }
      const network = await cloud.createNetwork(wish, { signal })
      await save({ network: network.id })
      return { network: network.name, egressAddress: network.publicAddress }
    },
    plan: async (request) => {
      const network = await findNetwork(cloud, request)
      if (network === undefined) return [{ action: 'create', what: 'network' }]
      const change: PlannedChange = { action: 'replace', what: 'network', field: 'spec.networking.nodes' }
      return network.cidr === request.networks.nodes ? [] : [change]
    },
    destroy: async (request) => {
      await destroyNetwork(options, request)
      await request.save({})
    },
  }
}

/** The cloud tells nothing by itself: this is how often it is asked whether something is gone. */
const askAgainMilliseconds = 200

/** Takes down everything in the network of a shoot, whoever made it, and the network itself. */
async function destroyNetwork(
  { clock, cloud }: LocalInfrastructureOptions,
  request: InfrastructureRequest,
): Promise<void> {
  const { signal } = request
  for (;;) {
    const network = await findNetwork(cloud, request)
    if (network === undefined) return
    if (await emptied(cloud, request, network)) {
      const deletion = await cloud.deleteNetwork(network.id, { signal }).catch((error: unknown) => {
        if (error instanceof Failure && error.kind === 'Conflict') return 'deleting' as const
        throw error
      })
      if (deletion === 'gone') return
    }
    await clock.sleep(askAgainMilliseconds, signal)
  }
}

async function findNetwork(
  cloud: CloudClient,
  { technicalId, signal }: InfrastructureRequest,
): Promise<Network | undefined> {
  return (await cloud.listNetworks({ name: technicalId }, { signal })).find((one) => one.name === technicalId)
}

/** Asks for the deletion of all that is in a network; true once nothing is. */
async function emptied(
  cloud: CloudClient,
  { signal, note }: InfrastructureRequest,
  network: Network,
): Promise<boolean> {
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
