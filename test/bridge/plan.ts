import type { Network, Route, Server } from '@trellis/cloudprovider/local/client'
import type { ImitatedNetwork, ImitatedServer, ImitatedWorld } from './imitated-cloud.ts'

/** What the local cloud has for an imitated one. */
export interface LocalWorld {
  readonly networks: readonly Network[]
  readonly servers: readonly Server[]
  readonly routes: readonly Route[]
}

/** One step towards a local cloud that is as the imitated one says. Steps may be carried out in the order in which they stand. */
export type Step =
  | { readonly kind: 'delete-route'; readonly route: Route }
  | { readonly kind: 'delete-server'; readonly server: Server }
  | { readonly kind: 'delete-network'; readonly network: Network }
  | { readonly kind: 'create-network'; readonly network: ImitatedNetwork }
  | { readonly kind: 'create-server'; readonly server: ImitatedServer }
  | { readonly kind: 'create-route'; readonly network: Network; readonly destination: string; readonly server: Server }

/** The steps that can be taken now; what depends on them comes with a later plan. */
export function planBridge(wanted: ImitatedWorld, present: LocalWorld): readonly Step[] {
  const networkOf = (id: string) => present.networks.find((network) => network.id === id)
  const isWanted = ({ name, network }: Server) =>
    wanted.servers.some((server) => server.name === name && server.network === networkOf(network)?.name)
  const routes = routesOf(wanted, present)
  const isWantedRoute = (route: Route) =>
    routes.some(
      ({ network, destination, server }) =>
        network.id === route.network && destination === route.destination && server.id === route.nextHopServer,
    )
  const going = present.servers.filter((server) => !isWanted(server))
  const hasServers = ({ id }: Network) => present.servers.some(({ network }) => network === id)
  return [
    ...present.routes.filter((route) => !isWantedRoute(route)).map((route): Step => ({ kind: 'delete-route', route })),
    ...going.filter(({ state }) => state !== 'deleting').map((server): Step => ({ kind: 'delete-server', server })),
    ...present.networks
      .filter((network) => !wanted.networks.some(({ name }) => name === network.name) && !hasServers(network))
      .map((network): Step => ({ kind: 'delete-network', network })),
    ...wanted.networks
      .filter(({ name }) => !present.networks.some((network) => network.name === name))
      .map((network): Step => ({ kind: 'create-network', network })),
    ...wanted.servers
      .filter(({ name, network }) => present.networks.some((one) => one.name === network) && !isPresent(present, name))
      .map((server): Step => ({ kind: 'create-server', server })),
    ...routes
      .filter(
        ({ network, destination }) =>
          !present.routes.some((r) => r.network === network.id && r.destination === destination),
      )
      .map((route): Step => ({ kind: 'create-route', ...route })),
  ]
}

function isPresent({ servers }: LocalWorld, name: string): boolean {
  return servers.some((server) => server.name === name)
}

/** The wanted routes whose network and server are there. */
function routesOf({ routes }: ImitatedWorld, { networks, servers }: LocalWorld) {
  return routes.flatMap(({ network: networkName, destination, server: serverName }) => {
    const network = networks.find(({ name }) => name === networkName)
    const server = servers.find(({ name, state }) => name === serverName && state !== 'deleting' && state !== 'failed')
    return network === undefined || server?.network !== network.id ? [] : [{ network, destination, server }]
  })
}
