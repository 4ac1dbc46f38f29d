import type { CallBudgets } from '@trellis/cloudprovider/contract/call-budget'
import { budgetKey, createOpenStackBudgets } from '@trellis/cloudprovider/openstack/budgets'
import { type ConnectOptions, connectOpenStack } from '@trellis/cloudprovider/openstack/connect'
import { parseCredentials } from '@trellis/cloudprovider/openstack/credentials'
import type { Clock } from '@trellis/foundation/clock'
import type { Random } from '@trellis/foundation/random'
import type { InfrastructureRequest } from '../engine.ts'
import type { OpenStackInfrastructureConfiguration } from './configuration.ts'
import { type InfrastructureClient, type InfrastructureContext, type Memory, markOf } from './context.ts'

/** What works at the infrastructure of OpenStack is made of. */
export interface OpenStackInfrastructureOptions {
  readonly clock: Clock
  readonly random: Random
  /** Budgets of accounts, when others share them. */
  readonly budgets?: CallBudgets
  /** How accounts are reached; over HTTP unless told. */
  readonly connect?: (options: ConnectOptions) => InfrastructureClient
}

/** Whose infrastructure is worked at. */
export interface ContextWish {
  readonly request: InfrastructureRequest
  readonly configuration: OpenStackInfrastructureConfiguration
  readonly memory: Memory
}

/** Does some work at a shoot's infrastructure, as the account of the request. Throws `Invalid` that names the key of the secret when that is unfit. */
export type Contexts = <Value>(
  wish: ContextWish,
  work: (context: InfrastructureContext) => Promise<Value>,
) => Promise<Value>

/** Opens contexts; a connection lasts as long as the work. */
export function createContexts(options: OpenStackInfrastructureOptions): Contexts {
  const { clock, random, connect = connectOpenStack, budgets = createOpenStackBudgets({ clock }) } = options
  return async ({ request, configuration, memory }, work) => {
    const { technicalId, region, networks, secret, signal, note } = request
    const credentials = parseCredentials(secret)
    const budget = budgets.of(budgetKey(credentials, region))
    using client = connect({ clock, credentials, wish: { region }, budget })
    return await work({
      ...{ clock, random, client, configuration, memory, note },
      name: technicalId,
      mark: markOf(technicalId),
      pods: networks.pods,
      call: { signal },
    })
  }
}
