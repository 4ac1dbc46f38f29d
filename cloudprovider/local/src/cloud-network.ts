import type {
  CloudNetwork,
  CloudRoute,
  EnsuredLoadBalancer,
  LoadBalancerRequest,
  NetworkCall,
  RouteRequest,
} from '@trellis/cloudprovider/contract/cloud-network'
import { clusterTagPrefix } from '@trellis/cloudprovider/contract/tags'
import { Failure, isFailure } from '@trellis/foundation/failure'
import type { CloudClient, Network, Server } from './client.ts'

/** Tag of a load balancer: key of its Service. */
export const serviceTag = 'kubernetes.io/service-name'

/** Most servers that the cloud lets a load balancer have. */
const mostTargets = 256

/** What a cluster's network at the local cloud is known by. */
export interface LocalCloudNetworkOptions {
  readonly client: CloudClient
  /** Name of the network. */
  readonly network: string
  /** Marks the load balancers as this cluster's. */
  readonly clusterName: string
}

/** The network of a cluster at the local cloud. */
export function createLocalCloudNetwork(options: LocalCloudNetworkOptions): CloudNetwork {
  const { client, clusterName } = options
  const clusterTag = { [`${clusterTagPrefix}${clusterName}`]: '1' }
  const requireNetwork = (call?: NetworkCall) => findNetwork(options, call)
  return {
    ensureLoadBalancer: (request, call) => ensureLoadBalancer(options, request, clusterTag, call),
    listLoadBalancers: async (call) => {
      const found = await client.listLoadBalancers({ tags: clusterTag }, call)
      return found.map(({ name, tags }) => ({ name, service: tags[serviceTag] ?? '' }))
    },
    deleteLoadBalancer: async (name, call) => {
      await client.deleteLoadBalancer(name, call)
    },
    listRoutes: async (call) => {
      const network = await requireNetwork(call)
      const [routes, servers] = await Promise.all([
        client.listRoutes(network.id, call),
        liveServers(client, network, call),
      ])
      const names = new Map(servers.map(({ id, name }) => [id, name]))
      return routes.map(({ id, destination, nextHopServer }): CloudRoute => {
        const node = names.get(nextHopServer)
        return node === undefined ? { id, destination } : { id, destination, node }
      })
    },
    ensureRoute: (request, call) => ensureRoute(options, request, call),
    deleteRoute: async (id, call) => {
      const network = await requireNetwork(call)
      await client.deleteRoute(network.id, id, call)
    },
  }
}

async function ensureLoadBalancer(
  { client, network }: LocalCloudNetworkOptions,
  request: LoadBalancerRequest,
  clusterTag: Readonly<Record<string, string>>,
  call: NetworkCall | undefined,
): Promise<EnsuredLoadBalancer> {
  if (request.internal) {
    throw new Failure('Invalid', 'the embedded cloud has no internal load balancers', {
      remedy: 'take the annotation off the Service',
    })
  }
  const servers = request.nodes.length === 0 ? [] : await client.listServers({ network }, call)
  const live = new Map(servers.filter(isLive).map(({ id, name }) => [name, id]))
  const known = request.nodes.flatMap((node) => live.get(node) ?? [])
  const balancer = await client.setLoadBalancer(
    request.name,
    {
      network,
      listeners: request.listeners.map(({ nodePort, ...listener }) => ({ ...listener, targetPort: nodePort })),
      targets: known.sort().slice(0, mostTargets),
      tags: { ...clusterTag, [serviceTag]: request.service },
    },
    call,
  )
  return { address: balancer.address, unknownNodes: request.nodes.filter((node) => !live.has(node)) }
}

async function ensureRoute(
  options: LocalCloudNetworkOptions,
  { destination, node }: RouteRequest,
  call: NetworkCall | undefined,
): Promise<void> {
  const { client } = options
  const network = await findNetwork(options, call)
  const [server] = (await client.listServers({ network: network.id, name: node }, call)).filter(isLive)
  if (server === undefined) {
    throw new Failure('NotFound', `there is no server ${node} in network ${network.name}`)
  }
  await client.createRoute(network.id, { destination, nextHopServer: server.id }, call)
}

async function findNetwork({ client, network }: LocalCloudNetworkOptions, call?: NetworkCall): Promise<Network> {
  const [found] = await client.listNetworks({ name: network }, call)
  if (found !== undefined) return found
  throw new Failure('NotFound', `there is no network ${network}`, { field: 'network' })
}

/** The servers of a network that can take packets; none when the network went away meanwhile. */
async function liveServers(client: CloudClient, network: Network, call?: NetworkCall): Promise<readonly Server[]> {
  try {
    return (await client.listServers({ network: network.id }, call)).filter(isLive)
  } catch (error) {
    if (isFailure(error, 'NotFound')) return []
    throw error
  }
}

/** The cloud refuses to lead packets to servers that are on their way out. */
function isLive({ state }: Server): boolean {
  return state !== 'deleting' && state !== 'failed'
}
