import { createCallMetrics, noCallMetrics } from '@trellis/cloudprovider/contract/call-metrics'
import type { CloudNetwork } from '@trellis/cloudprovider/contract/cloud-network'
import type { CallOptions } from '@trellis/cloudprovider/contract/driver'
import type { Clock } from '@trellis/foundation/clock'
import type { Registry } from 'prom-client'
import { createBalancerClient } from './balancer-client.ts'
import { createGoogleBudgets } from './budgets.ts'
import { createComputeClient } from './client.ts'
import { createGoogleLoadBalancers } from './cloud-load-balancers.ts'
import { createGoogleRoutes } from './cloud-routes.ts'
import { connectToGoogle, type TestEndpoint } from './connection.ts'
import { accountOf, parseCredentials } from './credentials.ts'
import { googleProvider } from './find-servers.ts'
import { createNetworkClient } from './network-client.ts'
import { googleTagSyntax, isLabelledOwn, ownFilter } from './ownership.ts'

/** What a cluster's network at Google Cloud is known by. */
export interface GoogleCloudNetworkOptions {
  readonly clock: Clock
  /** Where its calls are counted; nowhere unless told. */
  readonly registry?: Registry
  /** As {@link parseCredentials} reads them. */
  readonly secret: Readonly<Record<string, string>>
  /** The cluster's servers have it as label: `kubernetes-io-cluster-<name>`. */
  readonly clusterName: string
  /** Name of the network, in the project of the credentials. */
  readonly network: string
  readonly region: string
  readonly endpoint?: TestEndpoint
}

/** The network of a cluster at Google Cloud. Throws `Invalid` for credentials that are none. Nothing has to be closed. */
export function createGoogleCloudNetwork(options: GoogleCloudNetworkOptions): CloudNetwork {
  const { clock, registry, secret, clusterName, network, region, endpoint } = options
  const metrics = registry === undefined ? noCallMetrics : createCallMetrics(registry, googleProvider)
  const credentials = parseCredentials(secret)
  const ports = { clock, metrics, budget: createGoogleBudgets({ clock }).of(accountOf(credentials)) }
  const connection = connectToGoogle(ports, credentials, endpoint)
  const compute = createComputeClient(connection)
  const tags = [`${googleTagSyntax.clusterPrefix}${clusterName}`, `${googleTagSyntax.rolePrefix}node`]
  const servers = async (call?: CallOptions) => {
    const found = await compute.listAllInstances(ownFilter(tags), call)
    return found.filter(({ labels }) => isLabelledOwn(labels, tags))
  }
  return {
    ...createGoogleRoutes({ clock, client: createNetworkClient(connection), servers, clusterName, network }),
    ...createGoogleLoadBalancers({
      client: createBalancerClient(connection, region),
      servers,
      clusterName,
      network,
      region,
    }),
  }
}
