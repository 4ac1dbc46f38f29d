import { createCallMetrics, noCallMetrics } from '@trellis/cloudprovider/contract/call-metrics'
import type { CloudNetwork } from '@trellis/cloudprovider/contract/cloud-network'
import type { Clock } from '@trellis/foundation/clock'
import type { Registry } from 'prom-client'
import { createBalancerClient } from './balancer-client.ts'
import type { AwsEndpoints } from './caller.ts'
import { createEc2Client } from './client.ts'
import { createAwsLoadBalancers } from './cloud-load-balancers.ts'
import { createAwsRoutes } from './cloud-routes.ts'
import { parseCredentials } from './credentials.ts'
import { awsProvider } from './driver.ts'
import { createEc2Caller } from './ec2-caller.ts'
import { createNodeServers } from './node-servers.ts'
import { createAwsBudgets } from './places.ts'
import { createRouteTableClient } from './route-tables.ts'
import { createSecurityGroupClient } from './security-groups.ts'
import { createSubnetClient } from './subnets.ts'

/** What a cluster's network at AWS is known by. */
export interface AwsCloudNetworkOptions {
  readonly clock: Clock
  /** Where its calls are counted; nowhere unless told. */
  readonly registry?: Registry
  readonly endpoints?: AwsEndpoints
  readonly region: string
  /** As {@link parseCredentials} reads them. */
  readonly secret: Readonly<Record<string, string>>
  /** What is the cluster's has the tag `kubernetes.io/cluster/<name>`: servers, route tables, subnets, security groups. */
  readonly clusterName: string
}

/** The network of a cluster at AWS. Throws `Invalid` for credentials that are none. Disposing it closes the connections. */
export function createAwsCloudNetwork(options: AwsCloudNetworkOptions): CloudNetwork & Disposable {
  const { clock, registry, endpoints = {}, region, secret, clusterName } = options
  const metrics = registry === undefined ? noCallMetrics : createCallMetrics(registry, awsProvider)
  const budgets = createAwsBudgets({ clock })
  const credentials = parseCredentials(secret)
  const connection = { clock, region, credentials, budgets, metrics, endpoints }
  const caller = createEc2Caller(connection)
  const client = createEc2Client(caller)
  const balancers = createBalancerClient(connection)
  const servers = createNodeServers({ clock, client }, clusterName)
  const [groups, subnets] = [createSecurityGroupClient(caller), createSubnetClient(caller)]
  return {
    ...createAwsRoutes({ clock, tables: createRouteTableClient(caller), servers, clusterName }),
    ...createAwsLoadBalancers({ balancers, groups, subnets, servers, clusterName }),
    [Symbol.dispose]: () => {
      caller[Symbol.dispose]()
      balancers[Symbol.dispose]()
    },
  }
}
