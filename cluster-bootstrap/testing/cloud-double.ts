import type { CloudClient, LoadBalancer, Network, Route, Server } from '@trellis/cloudprovider/local/client'
import { Failure } from '@trellis/foundation/failure'

/** The parts of the local cloud that growing and taking down a shoot touches, in memory. */
export interface CloudDouble {
  readonly client: CloudClient
  readonly networks: Map<string, Network>
  readonly servers: Map<string, Server>
  readonly balancers: Map<string, LoadBalancer>
  readonly routes: Map<string, Route>
  addServer(network: string, name: string): Server
  addLoadBalancer(network: string, name: string): void
  addRoute(network: string, destination: string): void
}

const createdAt = '2026-01-01T00:00:00Z'

/** Makes an empty cloud. Servers that are to be deleted are gone when asked for the second time. */
export function createCloudDouble(): CloudDouble {
  let count = 0
  const networks = new Map<string, Network>()
  const servers = new Map<string, Server>()
  const balancers = new Map<string, LoadBalancer>()
  const routes = new Map<string, Route>()
  const idOf = (network: string) => [...networks.values()].find((one) => one.name === network)?.id ?? network
  const inNetwork = <Item extends { readonly network: string }>(items: Iterable<Item>, network?: string) =>
    [...items].filter((item) => network === undefined || item.network === idOf(network))

  const client: Partial<CloudClient> = {
    createNetwork: async ({ name, cidr, tags = {} }) => {
      const present = [...networks.values()].find((one) => one.name === name)
      if (present !== undefined && present.cidr !== cidr) throw new Failure('Conflict', `${name} has another range`)
      if (present !== undefined) return present
      const id = `net-${++count}`
      const network = { id, name, cidr, tags, createdAt, gateway: '10.250.0.1', publicAddress: '198.18.9.9' }
      networks.set(id, network)
      return network
    },
    listNetworks: async ({ name } = {}) =>
      [...networks.values()].filter((one) => name === undefined || one.name === name),
    deleteNetwork: async (id) => {
      const busy = [...servers.values(), ...balancers.values()].some((one) => one.network === id)
      if (busy) throw new Failure('Conflict', 'the network is in use')
      return networks.delete(id) ? 'deleting' : 'gone'
    },
    listServers: async ({ name, network } = {}) => {
      const found = inNetwork(servers.values(), network).filter((one) => name === undefined || one.name === name)
      for (const server of found) if (server.state === 'deleting') servers.delete(server.id)
      return found.filter((server) => servers.has(server.id))
    },
    deleteServer: async (id) => {
      const server = servers.get(id)
      if (server === undefined) return 'gone'
      servers.set(id, { ...server, state: 'deleting' })
      return 'deleting'
    },
    listLoadBalancers: async ({ network } = {}) => inNetwork(balancers.values(), network),
    deleteLoadBalancer: async (name) => (balancers.delete(name) ? 'deleting' : 'gone'),
    listRoutes: async (network) => inNetwork(routes.values(), network),
    deleteRoute: async (_, id) => (routes.delete(id) ? 'deleting' : 'gone'),
    [Symbol.dispose]: () => {},
  }
  return {
    client: client as CloudClient,
    networks,
    servers,
    balancers,
    routes,
    addServer: (network, name) => {
      const id = `srv-${++count}`
      const server: Server = {
        id,
        name,
        network: idOf(network),
        tags: {},
        createdAt,
        image: 'trellis-worker',
        flavor: 'small',
        state: 'running',
        privateAddress: `10.250.0.${count + 10}`,
        publicAddress: '198.18.1.1',
      }
      servers.set(id, server)
      return server
    },
    addLoadBalancer: (network, name) => {
      const id = `lb-${++count}`
      const balancer = {
        id,
        name,
        network: idOf(network),
        tags: {},
        createdAt,
        address: '198.18.0.99',
        listeners: [],
        targets: [],
      }
      balancers.set(name, balancer)
    },
    addRoute: (network, destination) => {
      const id = `route-${++count}`
      routes.set(id, { id, network: idOf(network), destination, nextHopServer: 'srv-1', createdAt })
    },
  }
}
