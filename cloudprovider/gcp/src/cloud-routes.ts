import { parseCidr } from '@trellis/api/cidr'
import type { CloudRoute, CloudRoutes, RouteRequest } from '@trellis/cloudprovider/contract/cloud-network'
import { createCoalescer } from '@trellis/cloudprovider/contract/coalesce'
import type { CallOptions } from '@trellis/cloudprovider/contract/driver'
import type { Clock } from '@trellis/foundation/clock'
import { Failure, isFailure } from '@trellis/foundation/failure'
import type { Instance } from './client.ts'
import { lastPart } from './find-servers.ts'
import type { GoogleRoute, NetworkClient } from './network-client.ts'

/** What routes are made with. */
export interface GoogleRoutesOptions {
  readonly clock: Clock
  readonly client: Pick<NetworkClient, 'project' | 'listRoutes' | 'insertRoute' | 'deleteRoute'>
  /** All servers of the cluster. */
  readonly servers: (call?: CallOptions) => Promise<readonly Instance[]>
  readonly clusterName: string
  /** Name of the network. */
  readonly network: string
}

/** What routes to nodes say of themselves, whoever made them: Kubernetes' own controllers for Google's cloud write the same. */
export const nodeRoute = 'k8s-node-route'

const priority = 1000
/** How long questions for the servers wait for others to share a call with. */
const gatherMilliseconds = 100

/** Routes of the cluster's network to its servers, which forward what is not theirs. Their names are made of the cluster's and the destination. */
export function createGoogleRoutes(options: GoogleRoutesOptions): CloudRoutes {
  const { clock, client, servers } = options
  const named = createCoalescer<Instance>(
    { clock },
    {
      most: 1000,
      withinMilliseconds: gatherMilliseconds,
      fetch: async () => new Map((await servers()).map((one) => [one.name, one])),
    },
  )
  const list = async (call?: CallOptions) => (await client.listRoutes(call)).filter((route) => isOwn(options, route))
  return {
    listRoutes: async (call) => {
      call?.signal?.throwIfAborted()
      const [found, live] = await Promise.all([list(call), servers(call)])
      return found.map((route) => describe(route, live))
    },
    ensureRoute: async (request, call) => {
      const server = await named.ask(request.node, call?.signal)
      if (server === undefined) throw new Failure('NotFound', `there is no server ${request.node} in the cluster`)
      await ensureRoute(options, request, server, call)
    },
    deleteRoute: (id, call) => client.deleteRoute(id, call),
  }
}

/** The one name that the route of a destination has in a cluster. */
export function routeName(clusterName: string, destination: string): string {
  return `${clusterName}-${destination.replace(/[./]/g, '-')}`
}

function isOwn({ clusterName, network }: GoogleRoutesOptions, route: GoogleRoute): boolean {
  return lastPart(route.network) === network && route.name === routeName(clusterName, route.destRange)
}

function describe({ name, destRange, nextHopInstance }: GoogleRoute, servers: readonly Instance[]): CloudRoute {
  const route = { id: name, destination: destRange }
  const server = servers.find((one) => nextHopInstance !== undefined && isAt(one, nextHopInstance))
  return server === undefined ? route : { ...route, node: server.name }
}

/** Addresses of one server differ in their beginning alone. */
function isAt({ zone, name }: Instance, link: string): boolean {
  return link.endsWith(`/zones/${lastPart(zone)}/instances/${name}`)
}

async function ensureRoute(
  options: GoogleRoutesOptions,
  { destination, node }: RouteRequest,
  server: Instance,
  call: CallOptions | undefined,
): Promise<void> {
  const { client, clusterName, network, servers } = options
  const destRange = parseCidr(destination)?.text
  if (destRange === undefined) throw new Failure('Invalid', `${destination} is no IPv4 range`)
  const name = routeName(clusterName, destRange)
  const route = {
    name,
    description: nodeRoute,
    network: `projects/${client.project}/global/networks/${network}`,
    destRange,
    nextHopInstance: `projects/${client.project}/zones/${lastPart(server.zone)}/instances/${server.name}`,
    priority,
  }
  const add = () => client.insertRoute(route, call)
  try {
    return await add()
  } catch (error) {
    if (!isFailure(error, 'Conflict')) throw error
  }
  const present = (await client.listRoutes(call)).find((one) => one.name === name)
  if (present?.nextHopInstance !== undefined) {
    if (isAt(server, present.nextHopInstance)) return
    const other = describe(present, await servers(call)).node
    if (other !== undefined) throw new Failure('Conflict', `${destination} is routed to ${other}, not to ${node}`)
  }
  // What leads nowhere is in nobody's way.
  await client.deleteRoute(name, call)
  await add()
}
