import { createCallBudget } from '@trellis/cloudprovider/contract/call-budget'
import { createCallMetrics, noCallMetrics } from '@trellis/cloudprovider/contract/call-metrics'
import type { CloudNetwork } from '@trellis/cloudprovider/contract/cloud-network'
import type { CallOptions } from '@trellis/cloudprovider/contract/driver'
import { withoutLoadBalancers } from '@trellis/cloudprovider/contract/without-load-balancers'
import type { Clock } from '@trellis/foundation/clock'
import type { Registry } from 'prom-client'
import { createComputeClient } from './client.ts'
import { createGoogleRoutes } from './cloud-routes.ts'
import { connectToGoogle, type TestEndpoint } from './connection.ts'
import { parseCredentials } from './credentials.ts'
import { budgetSettings } from './driver.ts'
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
  readonly endpoint?: TestEndpoint
}

/** The network of a cluster at Google Cloud. Throws `Invalid` for credentials that are none. Nothing has to be closed. */
export function createGoogleCloudNetwork(options: GoogleCloudNetworkOptions): CloudNetwork {
  const { clock, registry, secret, clusterName, network, endpoint } = options
  const metrics = registry === undefined ? noCallMetrics : createCallMetrics(registry, googleProvider)
  const ports = { clock, metrics, budget: createCallBudget({ clock }, budgetSettings) }
  const connection = connectToGoogle(ports, parseCredentials(secret), endpoint)
  const compute = createComputeClient(connection)
  const tags = [`${googleTagSyntax.clusterPrefix}${clusterName}`, `${googleTagSyntax.rolePrefix}node`]
  const servers = async (call?: CallOptions) => {
    const found = await compute.listAllInstances(ownFilter(tags), call)
    return found.filter(({ labels }) => isLabelledOwn(labels, tags))
  }
  return {
    ...createGoogleRoutes({ clock, client: createNetworkClient(connection), servers, clusterName, network }),
    ...withoutLoadBalancers('Google Cloud'),
  }
}
