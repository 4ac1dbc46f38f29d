import type { CloudRoute, CloudRoutes, RouteRequest } from '@trellis/cloudprovider/contract/cloud-network'
import { createCoalescer } from '@trellis/cloudprovider/contract/coalesce'
import type { CallOptions } from '@trellis/cloudprovider/contract/driver'
import type { Clock } from '@trellis/foundation/clock'
import { Failure, isFailure } from '@trellis/foundation/failure'
import type { OpenStackClient } from './client.ts'
import { isGoing } from './ownership.ts'
import type { ExtraRoute, Port, Router, Server } from './resources.ts'

/** What routes are made with. */
export interface OpenStackRoutesOptions {
  readonly clock: Clock
  readonly client: OpenStackClient
  /** All servers of the cluster. */
  readonly servers: (call?: CallOptions) => Promise<readonly Server[]>
  /** Name or id of the router that the cluster's network is joined to. */
  readonly router: string
}

/** A router with the nodes that it reaches. */
export interface RouterView {
  readonly routerId: string
  /** The network to the outside; undefined when it leads to none. */
  readonly outside: string | undefined
  /** Its subnets, sorted. */
  readonly subnets: readonly string[]
  readonly routes: readonly ExtraRoute[]
  /** Addresses of nodes in the subnets of the router, by name. */
  readonly addresses: ReadonlyMap<string, string>
}

/** How long questions for the router wait for others to share a look with. */
const gatherMilliseconds = 100
/** The one key of the coalescer. */
const viewKey = 'view'

/**
 * Extra routes of the cluster's router. They are added and taken away one by one, by Neutron itself, so that whoever else has routes there loses none.
 * Servers' ports let the packets of their pods through since they were made (`allowed_address_pairs`).
 */
export function createOpenStackRoutes(options: OpenStackRoutesOptions): CloudRoutes {
  const { clock, client } = options
  const coalescer = createCoalescer<RouterView>(
    { clock },
    {
      most: 1000,
      withinMilliseconds: gatherMilliseconds,
      fetch: async () => new Map([[viewKey, await lookAtRouter(options)]]),
    },
  )
  return {
    listRoutes: async (call) => {
      call?.signal?.throwIfAborted()
      return routesOf(await lookAtRouter(options, call))
    },
    ensureRoute: async (request, call) => {
      const view = await coalescer.ask(viewKey, call?.signal)
      if (view !== undefined) await ensureRoute(client, view, request, call)
    },
    deleteRoute: async (id, call) => {
      const [destination = '', nexthop = ''] = id.split(idSeparator)
      if (nexthop === '') return
      const { id: router } = await findRouter(options, call)
      await client.removeRouterRoutes(router, [{ destination, nexthop }], call)
    },
  }
}

/** Neutron gives routes no ids; of one destination there may be several. */
const idSeparator = ' via '

/** The routes of a router; those to addresses that no node has lead to none. Pure. */
export function routesOf({ routes, addresses }: RouterView): readonly CloudRoute[] {
  const nodes = new Map([...addresses].map(([node, address]) => [address, node]))
  return routes.map(({ destination, nexthop }) => {
    const node = nodes.get(nexthop)
    const route = { id: `${destination}${idSeparator}${nexthop}`, destination }
    return node === undefined ? route : { ...route, node }
  })
}

async function ensureRoute(
  client: OpenStackClient,
  view: RouterView,
  { destination, node }: RouteRequest,
  call: CallOptions | undefined,
): Promise<void> {
  const nexthop = view.addresses.get(node)
  if (nexthop === undefined) throw new Failure('NotFound', `no server of the name ${node} has an address at the router`)
  const present = routesOf(view).filter((route) => route.destination === destination)
  if (present.some((route) => route.node === node)) return
  const other = present.find((route) => route.node !== undefined)
  if (other !== undefined) throw new Failure('Conflict', `${destination} is routed to ${other.node}`)
  // Neutron would send half of the packets along the route that leads nowhere.
  const stale = view.routes.filter((route) => route.destination === destination)
  if (stale.length > 0) await client.removeRouterRoutes(view.routerId, stale, call)
  await client.addRouterRoutes(view.routerId, [{ destination, nexthop }], call)
}

/** Looks at the router and at the servers of the cluster. */
export async function lookAtRouter(options: OpenStackRoutesOptions, call?: CallOptions): Promise<RouterView> {
  const { client, servers } = options
  const router = await findRouter(options, call)
  const ports = await client.ports.list({ device_id: router.id }, call)
  const interfaces = ports.filter(({ device_owner }) => device_owner !== 'network:router_gateway')
  const networks = [...new Set(interfaces.map(({ network_id }) => network_id))]
  const [found, others] = await Promise.all([
    servers(call),
    Promise.all(networks.map((network) => client.ports.list({ network_id: network }, call))),
  ])
  const subnets = new Set(interfaces.flatMap(({ fixed_ips }) => fixed_ips.map(({ subnet_id }) => subnet_id)))
  return {
    routerId: router.id,
    outside: router.external_gateway_info?.network_id,
    subnets: [...subnets].sort(),
    routes: router.routes ?? [],
    addresses: addressesOf(found, others.flat(), subnets),
  }
}

/** The first address of each server that lives, in one of these subnets. Pure. */
export function addressesOf(
  servers: readonly Server[],
  ports: readonly Port[],
  subnets: ReadonlySet<string>,
): ReadonlyMap<string, string> {
  const living = servers.filter((server) => !isGoing(server))
  return new Map(
    living.flatMap(({ id, name }) => {
      const own = ports.filter(({ device_id }) => device_id === id).flatMap(({ fixed_ips }) => fixed_ips)
      const address = own.find(({ subnet_id, ip_address }) => subnets.has(subnet_id) && !ip_address.includes(':'))
      return address === undefined ? [] : [[name, address.ip_address] as const]
    }),
  )
}

async function findRouter({ client, router }: OpenStackRoutesOptions, call?: CallOptions): Promise<Router> {
  const [found, ...more] = (await client.routers.list({ name: router }, call)).filter(({ name }) => name === router)
  if (more.length > 0) throw new Failure('Conflict', `there are ${more.length + 1} routers of the name ${router}`)
  if (found !== undefined) return found
  try {
    return await client.routers.get(router, call)
  } catch (error) {
    if (!isFailure(error, 'NotFound')) throw error
    throw new Failure('NotFound', `there is no router ${router}`, { cause: error, field: '--network' })
  }
}
