import type { CallBudgets } from '@trellis/cloudprovider/contract/call-budget'
import { noCallMetrics } from '@trellis/cloudprovider/contract/call-metrics'
import { createGoogleBudgets } from '@trellis/cloudprovider/gcp/budgets'
import { connectToGoogle, type TestEndpoint } from '@trellis/cloudprovider/gcp/connection'
import { accountOf, parseCredentials } from '@trellis/cloudprovider/gcp/credentials'
import type { Clock } from '@trellis/foundation/clock'
import type { InfrastructureRequest } from '../engine.ts'
import { createInfrastructureClient, type InfrastructureClient } from './client.ts'

/** What works at the infrastructure of Google Cloud is made of, and what tests replace. */
export interface GoogleInfrastructureOptions {
  readonly clock: Clock
  /** A cloud of a test's own. */
  readonly endpoint?: TestEndpoint
  /** Budgets of accounts, when others share them. */
  readonly budgets?: CallBudgets
}

/** Gives clients for the accounts of requests. Throws `Invalid` that names the key of the secret when that is unfit. */
export function createGoogleClients(
  options: GoogleInfrastructureOptions,
): (request: Pick<InfrastructureRequest, 'secret' | 'region' | 'signal'>) => InfrastructureClient {
  const { clock, endpoint, budgets = createGoogleBudgets({ clock }) } = options
  return ({ secret, region, signal }) => {
    const credentials = parseCredentials(secret)
    const ports = { clock, budget: budgets.of(accountOf(credentials)), metrics: noCallMetrics }
    return createInfrastructureClient(connectToGoogle(ports, credentials, endpoint), region, signal)
  }
}
