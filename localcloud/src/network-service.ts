import { Failure } from '@trellis/foundation/failure'
import { forbiddenRanges, overlap, parseNetworkRange, parseRange } from './addresses.ts'
import { gatewayOf } from './cloud-network.ts'
import type { NetworkRecord, RouteRecord } from './records.ts'
import type { Network, NetworkRequest, Route, RouteRequest } from './schemas.ts'
import { type Selection, selects } from './selection.ts'
import { instant, type Made, newId, type ServiceContext } from './service-context.ts'

/** Networks and their routes. Everything is in effect when the call returns. */
export interface NetworkService {
  create(request: NetworkRequest): Promise<Made<Network>>
  list(selection: Selection): readonly Network[]
  get(id: string): Network
  /** Throws `Conflict` while servers or load balancers are in it. */
  remove(id: string): Promise<void>
  createRoute(network: string, request: RouteRequest): Promise<Made<Route>>
  listRoutes(network: string): readonly Route[]
  removeRoute(network: string, id: string): Promise<void>
}

/** Creates the service over a store. */
export function createNetworkService(context: ServiceContext): NetworkService {
  const { store, networker } = context
  return {
    create: (request) => create(context, request),
    list: (selection) =>
      store
        .list('network')
        .filter((it) => selects(selection, it))
        .map(viewOf),
    get: (id) => viewOf(store.get('network', id)),
    remove: (id) => remove(context, id),
    createRoute: (network, request) => createRoute(context, network, request),
    listRoutes: (network) => {
      const { id } = store.get('network', network)
      return store.list('route').filter((route) => route.network === id)
    },
    removeRoute: async (network, id) => {
      if (store.get('route', id).network !== network)
        throw new Failure('NotFound', `there is no route ${id} in ${network}`)
      await store.remove('route', id)
      await networker.sync(network)
    },
  }
}

async function create(context: ServiceContext, request: NetworkRequest): Promise<Made<Network>> {
  const { store, networker, addresses, closing } = context
  parseNetworkRange(request.cidr, context.publicRange, 'cidr')
  const existing = store.list('network').find((network) => network.name === request.name)
  if (existing !== undefined) {
    if (existing.cidr !== request.cidr || closing.has(existing.id)) {
      const state = closing.has(existing.id) ? 'is being deleted' : `exists already with range ${existing.cidr}`
      throw new Failure('Conflict', `network ${request.name} ${state}`, {
        field: 'cidr',
        remedy: 'choose another name',
      })
    }
    await networker.sync(existing.id)
    return { made: false, value: viewOf(existing) }
  }
  const record: NetworkRecord = {
    id: newId(context, 'network'),
    name: request.name,
    tags: request.tags ?? {},
    createdAt: instant(context),
    cidr: request.cidr,
    publicAddress: addresses.nextPublic(),
  }
  await store.put('network', record)
  await networker.sync(record.id)
  return { made: true, value: viewOf(record) }
}

async function remove({ store, networker, closing }: ServiceContext, id: string): Promise<void> {
  const unreadable = store.isUnreadable('network', id)
  const name = unreadable ? id : store.get('network', id).name
  const inside = [...store.list('server'), ...store.list('load-balancer')].filter((it) => it.network === id)
  if (inside.length > 0) {
    throw new Failure('Conflict', `network ${name} still holds ${inside.map((it) => it.name).join(', ')}`, {
      remedy: 'delete its servers and load balancers first',
    })
  }
  closing.add(id)
  try {
    await networker.remove(id)
    await Promise.all(
      store.list('route').flatMap((route) => (route.network === id ? [store.remove('route', route.id)] : [])),
    )
    await store.remove('network', id)
  } finally {
    closing.delete(id)
  }
}

async function createRoute(context: ServiceContext, networkId: string, request: RouteRequest): Promise<Made<Route>> {
  const { store, networker, closing } = context
  const network = store.get('network', networkId)
  if (closing.has(networkId)) throw new Failure('Conflict', `network ${network.name} is being deleted`)
  checkRoute(context, network, request)
  const existing = store
    .list('route')
    .find((route) => route.network === networkId && route.destination === request.destination)
  if (existing !== undefined && existing.nextHopServer !== request.nextHopServer) {
    throw new Failure('Conflict', `${request.destination} is routed to server ${existing.nextHopServer} already`, {
      field: 'destination',
      remedy: `delete route ${existing.id} first`,
    })
  }
  const record: RouteRecord = existing ?? {
    id: newId(context, 'route'),
    network: networkId,
    destination: request.destination,
    nextHopServer: request.nextHopServer,
    createdAt: instant(context),
  }
  if (existing === undefined) await store.put('route', record)
  await networker.sync(networkId)
  return { made: existing === undefined, value: record }
}

function checkRoute({ store, publicRange }: ServiceContext, network: NetworkRecord, request: RouteRequest): void {
  const destination = parseRange(request.destination, 'destination')
  const own = { range: parseRange(network.cidr, 'cidr'), meaning: `the network ${network.name} itself` }
  const clash = [...forbiddenRanges(publicRange), own].find((forbidden) => overlap(forbidden.range, destination))
  if (clash !== undefined) {
    throw new Failure('Invalid', `${destination.text} overlaps ${clash.range.text}, ${clash.meaning}`, {
      field: 'destination',
      remedy: 'route a range that nothing else uses, such as the range of the pods of a node',
    })
  }
  const hop = store.find('server', request.nextHopServer)
  if (hop?.network === network.id && hop.state !== 'deleting') return
  throw new Failure('Invalid', `there is no server ${request.nextHopServer} in network ${network.name}`, {
    field: 'nextHopServer',
    remedy: 'give the id of a server of that network',
  })
}

function viewOf(record: NetworkRecord): Network {
  return { ...record, gateway: gatewayOf(record.cidr) }
}
