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

const createdAt = '2026-01-01T00:00:00Z'

/** Makes a cloud with networks of these names and nothing in them. */
export function createNetworkDouble(networkNames: readonly string[]): NetworkDouble {
  const networks = new Map(networkNames.map((name, index) => [name, networkOf(name, index)]))
  const servers = new Map<string, Server>()
  const routes = new Map<string, Route>()
  const balancers = new Map<string, LoadBalancer>()
  let count = 0
  const findNetwork = (name: string): Network => {
    const found = [...networks.values()].find((network) => network.name === name || network.id === name)
    if (found === undefined) throw new Failure('NotFound', `there is no network ${name}`, { field: 'network' })
    return found
  }
  const addServer = (network: string, name: string): Server => {
    const id = `srv-${++count}`
    const server: Server = {
      id,
      name,
      tags: {},
      createdAt,
      network: findNetwork(network).id,
      image: 'debian',
      flavor: 'small',
      state: 'running',
      privateAddress: `10.250.0.${count + 1}`,
      publicAddress: '198.18.1.1',
    }
    servers.set(id, server)
    return server
  }
  const removeServer = (name: string): void => {
    const ids = [...servers.values()].filter((server) => server.name === name).map(({ id }) => id)
    for (const id of ids) servers.delete(id)
    for (const route of [...routes.values()]) if (ids.includes(route.nextHopServer)) routes.delete(route.id)
    for (const one of [...balancers.values()]) {
      balancers.set(one.name, { ...one, targets: one.targets.filter((target) => !ids.includes(target)) })
    }
  }
  const setLoadBalancer = (name: string, request: LoadBalancerRequest): LoadBalancer => {
    const network = findNetwork(request.network)
    const present = balancers.get(name)
    if (present !== undefined && present.network !== network.id) throw new Failure('Conflict', `${name} is elsewhere`)
    for (const target of request.targets) {
      if (servers.get(target)?.network === network.id) continue
      throw new Failure('Invalid', `there is no server ${target}`, { field: 'targets' })
    }
    const balancer: LoadBalancer = {
      ...request,
      tags: request.tags ?? {},
      id: present?.id ?? `lb-${++count}`,
      name,
      createdAt,
      network: network.id,
      address: present?.address ?? `198.18.2.${++count}`,
    }
    balancers.set(name, balancer)
    return balancer
  }
  const createRoute = (network: string, request: RouteRequest): Route => {
    const { id } = findNetwork(network)
    const present = [...routes.values()].find((one) => one.network === id && one.destination === request.destination)
    if (present?.nextHopServer === request.nextHopServer) return present
    if (present !== undefined) throw new Failure('Conflict', `${request.destination} is routed elsewhere`)
    const route: Route = { ...request, id: `rt-${++count}`, network: id, createdAt }
    routes.set(route.id, route)
    return route
  }
  const select = <Item extends { name: string; tags: Tags; network?: string }>(
    items: Iterable<Item>,
    { name, network, tags = {} }: NetworkedListFilter = {},
  ): Item[] => {
    const networkId = network === undefined ? undefined : findNetwork(network).id
    return [...items].filter(
      (item) =>
        (name === undefined || item.name === name) &&
        (networkId === undefined || item.network === networkId) &&
        Object.entries(tags).every(([key, value]) => item.tags[key] === value),
    )
  }
  const remove = (map: Map<string, unknown>, key: string) => {
    map.delete(key)
    return 'gone' as const
  }
  const answer = async <Value>(options: CallOptions | undefined, work: () => Value): Promise<Value> => {
    options?.signal?.throwIfAborted()
    return structuredClone(work())
  }
  const client: Partial<CloudClient> = {
    listNetworks: (filter, options) => answer(options, () => select(networks.values(), filter)),
    listServers: (filter, options) => answer(options, () => select(servers.values(), filter)),
    setLoadBalancer: (name, request, options) => answer(options, () => setLoadBalancer(name, request)),
    listLoadBalancers: (filter, options) => answer(options, () => select(balancers.values(), filter)),
    deleteLoadBalancer: (name, options) => answer(options, () => remove(balancers, name)),
    listRoutes: (network, options) =>
      answer(options, () => [...routes.values()].filter((route) => route.network === findNetwork(network).id)),
    createRoute: (network, request, options) => answer(options, () => createRoute(network, request)),
    deleteRoute: (_, id, options) => answer(options, () => remove(routes, id)),
    [Symbol.dispose]: () => {},
  }
  return { client: client as CloudClient, balancers, routes, servers, addServer, removeServer }
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
