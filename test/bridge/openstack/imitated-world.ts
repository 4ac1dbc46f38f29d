import type { ImitatedNetwork, ImitatedServer, ImitatedWorld } from '../imitated-cloud.ts'

/** What Nova and Neutron say, as far as the bridge reads it. Shapes are those of their APIs. */
export interface OpenStackAnswers {
  readonly servers: readonly { readonly id: string; readonly status: string }[]
  readonly networks: readonly { readonly id: string; readonly 'router:external': boolean }[]
  readonly subnets: readonly {
    readonly id: string
    readonly network_id: string
    readonly ip_version: number
    readonly cidr: string
  }[]
  readonly ports: readonly {
    readonly device_id: string
    readonly device_owner: string
    readonly fixed_ips: readonly { readonly subnet_id: string; readonly ip_address: string }[]
  }[]
  readonly routers: readonly {
    readonly id: string
    readonly routes: readonly { readonly destination: string; readonly nexthop: string }[]
  }[]
}

/** The world that these answers describe: a network for each inner subnet of IPv4, a server for each that runs and has an address there. All are named after their ids. */
export function imitatedWorldOf(answers: OpenStackAnswers): ImitatedWorld {
  const networks = networksOf(answers)
  const servers = serversOf(answers, networks)
  return { networks, servers, routes: routesOf(answers, servers) }
}

function networksOf({ networks, subnets }: OpenStackAnswers): readonly ImitatedNetwork[] {
  const outside = new Set(networks.filter((one) => one['router:external']).map(({ id }) => id))
  return subnets
    .filter(({ ip_version, network_id }) => ip_version === 4 && !outside.has(network_id))
    .map(({ id: name, cidr }) => ({ name, cidr }))
}

function serversOf({ servers, ports }: OpenStackAnswers, networks: readonly ImitatedNetwork[]) {
  const inner = new Set(networks.map(({ name }) => name))
  return servers.flatMap(({ id: name, status }): readonly ImitatedServer[] => {
    if (status !== 'ACTIVE') return []
    const [place] = ports
      .filter(({ device_id }) => device_id === name)
      .flatMap(({ fixed_ips }) => fixed_ips)
      .filter(({ subnet_id }) => inner.has(subnet_id))
    return place === undefined ? [] : [{ name, network: place.subnet_id, address: place.ip_address }]
  })
}

/** A router leads packets of the subnets that it has an interface in. */
function routesOf({ routers, ports }: OpenStackAnswers, servers: readonly ImitatedServer[]) {
  return routers.flatMap(({ id, routes }) => {
    const joined = ports
      .filter(({ device_id, device_owner }) => device_id === id && device_owner === 'network:router_interface')
      .flatMap(({ fixed_ips }) => fixed_ips.map(({ subnet_id }) => subnet_id))
    return routes.flatMap(({ destination, nexthop }) => {
      const hop = servers.find(({ network, address }) => address === nexthop && joined.includes(network))
      return hop === undefined ? [] : [{ network: hop.network, destination, server: hop.name }]
    })
  })
}
