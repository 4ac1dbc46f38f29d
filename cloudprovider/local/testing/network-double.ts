import { Failure } from '@trellis/foundation/failure'
import type {
  CallOptions,
  CloudClient,
  LoadBalancer,
  LoadBalancerRequest,
  Network,
  NetworkedListFilter,
  Route,
  RouteRequest,
  Server,
  Tags,
} from '../src/client.ts'

/** The networking half of the local cloud, in memory, with the rules of the real one. */
export interface NetworkDouble {
  readonly client: CloudClient
  readonly balancers: Map<string, LoadBalancer>
  readonly routes: Map<string, Route>
  readonly servers: Map<string, Server>
  addServer(network: string, name: string): Server
  /** Takes a server away, and with it its place in load balancers and its routes, as the cloud does. */
  removeServer(name: string): void
}

/** What is in the cloud. */
interface Content {
  readonly networks: readonly Network[]
  readonly servers: Map<string, Server>
  readonly routes: Map<string, Route>
  readonly balancers: Map<string, LoadBalancer>
  nextNumber(): number
}

const createdAt = '2026-01-01T00:00:00Z'

/** Makes a cloud with networks of these names and nothing in them. */
export function createNetworkDouble(networkNames: readonly string[]): NetworkDouble {
  let count = 0
  const content: Content = {
    networks: networkNames.map(networkOf),
    servers: new Map(),
    routes: new Map(),
    balancers: new Map(),
    nextNumber: () => ++count,
  }
  const { servers, routes, balancers } = content
  return {
    client: clientOf(content),
    balancers,
    routes,
    servers,
    addServer: (network, name) => addServer(content, network, name),
    removeServer: (name) => removeServer(content, name),
  }
}

function clientOf(content: Content): CloudClient {
  const { networks, servers, routes, balancers } = content
  const answer = async <Value>(options: CallOptions | undefined, work: () => Value): Promise<Value> => {
    options?.signal?.throwIfAborted()
    return structuredClone(work())
  }
  const remove = (map: Map<string, unknown>, key: string) => {
    map.delete(key)
    return 'gone' as const
  }
  const routesOf = (network: string) => {
    const { id } = findNetwork(content, network)
    return [...routes.values()].filter((route) => route.network === id)
  }
  const client: Partial<CloudClient> = {
    listNetworks: (filter, options) => answer(options, () => select(content, networks, filter)),
    listServers: (filter, options) => answer(options, () => select(content, servers.values(), filter)),
    setLoadBalancer: (name, request, options) => answer(options, () => setLoadBalancer(content, name, request)),
    listLoadBalancers: (filter, options) => answer(options, () => select(content, balancers.values(), filter)),
    deleteLoadBalancer: (name, options) => answer(options, () => remove(balancers, name)),
    listRoutes: (network, options) => answer(options, () => routesOf(network)),
    createRoute: (network, request, options) => answer(options, () => createRoute(content, network, request)),
    deleteRoute: (_, id, options) => answer(options, () => remove(routes, id)),
    [Symbol.dispose]: () => {},
  }
  return client as CloudClient
}

function findNetwork({ networks }: Content, name: string): Network {
  const found = networks.find((network) => network.name === name || network.id === name)
  if (found === undefined) throw new Failure('NotFound', `there is no network ${name}`, { field: 'network' })
  return found
}

function addServer(content: Content, network: string, name: string): Server {
  const number = content.nextNumber()
  const server: Server = {
    id: `srv-${number}`,
    name,
    tags: {},
    createdAt,
    network: findNetwork(content, network).id,
    image: 'debian',
    flavor: 'small',
    state: 'running',
    privateAddress: `10.250.0.${number + 1}`,
    publicAddress: '198.18.1.1',
  }
  content.servers.set(server.id, server)
  return server
}

function removeServer({ servers, routes, balancers }: Content, name: string): void {
  const ids = [...servers.values()].filter((server) => server.name === name).map(({ id }) => id)
  for (const id of ids) servers.delete(id)
  for (const route of [...routes.values()]) if (ids.includes(route.nextHopServer)) routes.delete(route.id)
  for (const one of [...balancers.values()]) {
    balancers.set(one.name, { ...one, targets: one.targets.filter((target) => !ids.includes(target)) })
  }
}

function setLoadBalancer(content: Content, name: string, request: LoadBalancerRequest): LoadBalancer {
  const network = findNetwork(content, request.network)
  const present = content.balancers.get(name)
  if (present !== undefined && present.network !== network.id) throw new Failure('Conflict', `${name} is elsewhere`)
  for (const target of request.targets) {
    if (content.servers.get(target)?.network === network.id) continue
    throw new Failure('Invalid', `there is no server ${target}`, { field: 'targets' })
  }
  const balancer: LoadBalancer = {
    ...request,
    tags: request.tags ?? {},
    id: present?.id ?? `lb-${content.nextNumber()}`,
    name,
    createdAt,
    network: network.id,
    address: present?.address ?? `198.18.2.${content.nextNumber()}`,
  }
  content.balancers.set(name, balancer)
  return balancer
}

function createRoute(content: Content, network: string, request: RouteRequest): Route {
  const { id } = findNetwork(content, network)
  const present = [...content.routes.values()].find(
    (one) => one.network === id && one.destination === request.destination,
  )
  if (present?.nextHopServer === request.nextHopServer) return present
  if (present !== undefined) throw new Failure('Conflict', `${request.destination} is routed elsewhere`)
  const route: Route = { ...request, id: `rt-${content.nextNumber()}`, network: id, createdAt }
  content.routes.set(route.id, route)
  return route
}

function select<Item extends { name: string; tags: Tags; network?: string }>(
  content: Content,
  items: Iterable<Item>,
  { name, network, tags = {} }: NetworkedListFilter = {},
): Item[] {
  const networkId = network === undefined ? undefined : findNetwork(content, network).id
  return [...items].filter(
    (item) =>
      (name === undefined || item.name === name) &&
      (networkId === undefined || item.network === networkId) &&
      Object.entries(tags).every(([key, value]) => item.tags[key] === value),
  )
}

function networkOf(name: string, index: number): Network {
  return {
    id: `net-${index + 1}`,
    name,
    tags: {},
    createdAt,
    cidr: '10.250.0.0/16',
    gateway: '10.250.0.1',
    publicAddress: `198.18.1.${index + 1}`,
  }
}
