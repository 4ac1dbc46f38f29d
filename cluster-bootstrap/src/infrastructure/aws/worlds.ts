import type { AwsConnectionOptions, AwsEndpoints } from '@trellis/cloudprovider/aws/caller'
import { parseCredentials } from '@trellis/cloudprovider/aws/credentials'
import { createEc2Caller } from '@trellis/cloudprovider/aws/ec2-caller'
import { createAwsBudgets } from '@trellis/cloudprovider/aws/places'
import type { CallBudgets } from '@trellis/cloudprovider/contract/call-budget'
import { noCallMetrics } from '@trellis/cloudprovider/contract/call-metrics'
import type { Clock } from '@trellis/foundation/clock'
import type { Random } from '@trellis/foundation/random'
import type { InfrastructureRequest } from '../engine.ts'
import { createBalancerClient } from './balancer-client.ts'
import { createIdentityCaller, createIdentityClient } from './identity-client.ts'
import { createNetworkClient } from './network-client.ts'
import type { AwsClients } from './network-types.ts'
import { openWorld, type World } from './world.ts'

/** What works at the infrastructure of AWS is made of. */
export interface AwsInfrastructureOptions {
  readonly clock: Clock
  readonly random: Random
  /** For clouds that speak the same API; AWS's own unless told. */
  readonly endpoints?: AwsEndpoints
  /** Budgets of accounts, when others share them. */
  readonly budgets?: CallBudgets
  /** Stands between the engine and AWS, for tests of faults. */
  readonly wrapClients?: (clients: AwsClients) => AwsClients
}

/** Does some work at what a shoot has at AWS, as the account of the request. Throws `Invalid` that names the key of the secret when that is unfit. */
export type Worlds = <Answer>(
  request: InfrastructureRequest,
  planOnly: boolean,
  work: (world: World) => Promise<Answer>,
) => Promise<Answer>

/** Opens worlds; connections last as long as the work. */
export function createWorlds(options: AwsInfrastructureOptions): Worlds {
  const { clock, endpoints = {}, budgets = createAwsBudgets({ clock }) } = options
  return async (request, planOnly, work) => {
    const { region, signal, secret } = request
    const credentials = parseCredentials(secret)
    using clients = connect({ clock, region, credentials, budgets, metrics: noCallMetrics, endpoints }, signal)
    const wrapped = options.wrapClients?.(clients) ?? clients
    return await work(await openWorld({ request, clients: wrapped, clock, planOnly }))
  }
}

function connect(options: AwsConnectionOptions, signal: AbortSignal): AwsClients & Disposable {
  const [network, identity] = [createEc2Caller(options), createIdentityCaller(options)]
  const balancers = createBalancerClient(options, signal)
  return {
    network: createNetworkClient(network, signal),
    identity: createIdentityClient(identity, signal),
    balancers,
    [Symbol.dispose]: () => {
      for (const one of [network, identity, balancers]) one[Symbol.dispose]()
    },
  }
}
