import { createCallBudget } from '@trellis/cloudprovider/contract/call-budget'
import { createCallMetrics, noCallMetrics } from '@trellis/cloudprovider/contract/call-metrics'
import type { CloudNetwork } from '@trellis/cloudprovider/contract/cloud-network'
import type { CallOptions } from '@trellis/cloudprovider/contract/driver'
import type { Clock } from '@trellis/foundation/clock'
import type { Registry } from 'prom-client'
import type { OpenStackClient } from './client.ts'
import { createOpenStackLoadBalancers } from './cloud-load-balancers.ts'
import { createOpenStackRoutes, lookAtRouter } from './cloud-routes.ts'
import { type ConnectOptions, connectOpenStack } from './connect.ts'
import { parseCredentials } from './credentials.ts'
import { openStackProvider, usualBudget } from './driver.ts'
import { createServerFinder } from './find-servers.ts'

/** What a cluster's network at an OpenStack is known by. */
export interface OpenStackCloudNetworkOptions {
  readonly clock: Clock
  /** Where its calls are counted; nowhere unless told. */
  readonly registry?: Registry
  readonly region: string
  /** As {@link parseCredentials} reads them. */
  readonly secret: Readonly<Record<string, string>>
  /** The cluster's servers have it in their metadata: `kubernetes.io-cluster-<name>`. */
  readonly clusterName: string
  /** Name or id of the router that the cluster's network is joined to. */
  readonly router: string
  /** Who makes load balancers, as Octavia calls it; its usual maker unless told. */
  readonly loadBalancerProvider?: string
  /** How the account is reached; over HTTP unless told. */
  readonly connect?: (options: ConnectOptions) => OpenStackClient
}

/** The network of a cluster at an OpenStack. Throws `Invalid` for credentials that are none. Disposing it closes the connections. */
export function createOpenStackCloudNetwork(options: OpenStackCloudNetworkOptions): CloudNetwork & Disposable {
  const { clock, registry, region, secret, clusterName, router, connect = connectOpenStack } = options
  const { loadBalancerProvider: provider } = options
  const metrics = registry === undefined ? noCallMetrics : createCallMetrics(registry, openStackProvider)
  const budget = createCallBudget({ clock }, usualBudget)
  const client = connect({ clock, credentials: parseCredentials(secret), wish: { region }, budget, metrics })
  const owned = { [`kubernetes.io-cluster-${clusterName}`]: '1', 'kubernetes.io-role-node': '1' }
  const finder = createServerFinder({ clock, client, owned })
  const routes = { clock, client, router, servers: (call?: CallOptions) => finder.all(call) }
  const view = (call?: CallOptions) => lookAtRouter(routes, call)
  return {
    ...createOpenStackRoutes(routes),
    ...createOpenStackLoadBalancers({
      clock,
      client,
      view,
      clusterName,
      ...(provider === undefined ? {} : { provider }),
    }),
    [Symbol.dispose]: () => client[Symbol.dispose](),
  }
}
