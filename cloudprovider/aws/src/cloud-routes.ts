import type { CloudRoute, CloudRoutes, RouteRequest } from '@trellis/cloudprovider/contract/cloud-network'
import { createCoalescer, unlessAborted } from '@trellis/cloudprovider/contract/coalesce'
import type { Clock } from '@trellis/foundation/clock'
import { Failure, isFailure } from '@trellis/foundation/failure'
import type { Instance } from './client-types.ts'
import { type NodeServers, ownedBy } from './node-servers.ts'
import type { RouteTable, RouteTableClient, RouteTarget, ServerRoute } from './route-tables.ts'

/** What routes are made with. */
export interface AwsRoutesOptions {
  readonly clock: Clock
  readonly tables: RouteTableClient
  readonly servers: NodeServers
  readonly clusterName: string
}

/** How long questions for the tables wait for others to share a call with. */
const gatherMilliseconds = 100

/** The one key of the coalescer: the tables are always asked for together. */
const tablesKey = 'tables'

/**
 * Routes in every table that leads packets out of the machines' subnets: those with the cluster's tag but the one of public subnets, where no machine is.
 * A route of the cluster is a destination that leads to a server, the same in each table; all else in the tables is left alone.
 */
export function createAwsRoutes(options: AwsRoutesOptions): CloudRoutes {
  const { clock, tables, servers } = options
  const coalescer = createCoalescer<readonly RouteTable[]>(
    { clock },
    { most: 1000, withinMilliseconds: gatherMilliseconds, fetch: async () => new Map([[tablesKey, await find()]]) },
  )
  const find = async () => machineTables(await tables.findTables([ownedBy(options.clusterName)]))
  const look = async (signal: AbortSignal | undefined) => (await coalescer.ask(tablesKey, signal)) ?? []
  return {
    listRoutes: async ({ signal } = {}) => {
      signal?.throwIfAborted()
      const [found, live] = await unlessAborted(Promise.all([find(), servers.all()]), signal)
      return routesOf(found, live)
    },
    ensureRoute: async (request, { signal } = {}) => {
      const [server, found] = await Promise.all([servers.ofNode(request.node, signal), look(signal)])
      if (server === undefined) throw new Failure('NotFound', `EC2 has no server for the node ${request.node}`)
      if (found.length === 0) throw noTables(options.clusterName)
      for (const table of found) await ensureIn(options, table, { request, server }, signal)
    },
    deleteRoute: async (destination, { signal } = {}) => {
      for (const { id, routes } of await look(signal)) {
        if (!routes.some((route) => route.destination === destination)) continue
        await tables.deleteRoute(id, destination, signal).catch((error: unknown) => {
          if (!isFailure(error, 'NotFound')) throw error
        })
      }
    },
  }
}

/** The tables that machines' packets follow; all of them where every subnet is public. */
export function machineTables(tables: readonly RouteTable[]): readonly RouteTable[] {
  const inner = tables.filter(({ leadsToInternet }) => !leadsToInternet)
  return inner.length === 0 ? tables : inner
}

/** The routes that tables have in common. Pure. */
export function routesOf(tables: readonly RouteTable[], servers: readonly Instance[]): readonly CloudRoute[] {
  const destinations = new Set(tables.flatMap(({ routes }) => routes.map(({ destination }) => destination)))
  return [...destinations].sort().map((destination) => {
    const found = tables.flatMap(({ routes }) => routes.find((route) => route.destination === destination) ?? [])
    const nodes = new Set(found.map((route) => servers.find((one) => leadsTo(route, one))?.privateDnsName))
    const [node] = nodes
    if (node === undefined || nodes.size > 1) return { id: destination, destination }
    const whole = { id: destination, destination, node }
    return found.length === tables.length ? whole : { ...whole, partial: true }
  })
}

async function ensureIn(
  { tables, servers }: AwsRoutesOptions,
  { id, routes }: RouteTable,
  { request, server }: { readonly request: RouteRequest; readonly server: Instance },
  signal: AbortSignal | undefined,
): Promise<void> {
  const { destination } = request
  const present = routes.find((route) => route.destination === destination)
  if (present === undefined) return tables.createRoute(id, destination, targetOf(server), signal)
  if (leadsTo(present, server)) return
  const other = (await servers.all()).find((one) => leadsTo(present, one))
  // What leads nowhere is in nobody's way.
  if (other === undefined) return tables.replaceRoute(id, destination, targetOf(server), signal)
  throw new Failure('Conflict', `${destination} is routed to ${other.privateDnsName}`)
}

function leadsTo({ instanceId, interfaceId }: ServerRoute, { id, interfaces }: Instance): boolean {
  return instanceId === id || interfaces.some((one) => one.id === interfaceId)
}

/** EC2 refuses the server's own id when it has several interfaces. */
function targetOf({ id, interfaces }: Instance): RouteTarget {
  const first = interfaces.find(({ deviceIndex, networkCardIndex }) => deviceIndex === 0 && networkCardIndex === 0)
  return interfaces.length > 1 && first !== undefined ? { NetworkInterfaceId: first.id } : { InstanceId: id }
}

function noTables(clusterName: string): Failure {
  return new Failure('NotFound', 'the cluster has no route table', {
    remedy: `give the tables of its machines' subnets the tag ${ownedBy(clusterName).Values[0]}`,
  })
}
