import type { InfrastructureRequest } from '../../engine.ts'
import type { OpenStackInfrastructureConfiguration } from '../../openstack/configuration.ts'
import { createMemory } from '../../openstack/context.ts'
import { type ContextWish, createContexts, type OpenStackInfrastructureOptions } from '../../openstack/open-context.ts'
import { removeClusterLeftovers } from '../../openstack/tasks/cluster-leftovers.ts'
import type { OpenTofuCloud } from '../cloud.ts'
import { type OpenStackVariables, openStackModule } from './openstack.ts'
import { findExistingOpenStack } from './openstack-lookup.ts'

/** What the module works with. */
export interface ConnectedOpenStackOptions extends OpenStackInfrastructureOptions {
  /** Name servers of machines; the network's own unless told. */
  readonly dnsServers?: readonly string[]
}

/** The module for OpenStack with a connection to ask what exists, and to take away what clusters left. */
export function connectedOpenStack({ dnsServers = [], ...options }: ConnectedOpenStackOptions): OpenTofuCloud {
  const open = createContexts(options)
  return openStackModule({
    dnsServers,
    findExisting: (request, variables) => open(wishOf(request, variables), findExistingOpenStack),
    removeLeftovers: (request, variables) => open(wishOf(request, variables), removeClusterLeftovers),
  })
}

/** Everything of the module bears the cluster's name and mark, by which it is found: addresses of the module say nothing to what looks. */
function wishOf(request: InfrastructureRequest, variables: OpenStackVariables): ContextWish {
  const networks = { ...request.networks, pods: variables.pods_cidr }
  return {
    request: { ...request, networks },
    configuration: configurationOf(variables),
    memory: createMemory({ state: {}, save: async () => {} }),
  }
}

function configurationOf(variables: OpenStackVariables): OpenStackInfrastructureConfiguration {
  const { network_id: network, subnet_id: subnet, router_id: router } = variables
  return {
    floatingPoolName: variables.floating_pool_name,
    workers: variables.nodes_cidr,
    dnsServers: variables.dns_servers,
    ...(network === null ? {} : { networkId: network }),
    ...(subnet === null ? {} : { subnetId: subnet }),
    ...(router === null ? {} : { routerId: router }),
  }
}
