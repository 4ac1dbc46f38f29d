import { type CallBudgets, createCallBudgets } from '@trellis/cloudprovider/contract/call-budget'
import type { Clock } from '@trellis/foundation/clock'
import { accountOf, type OpenStackCredentials } from './credentials.ts'

/** A service of a public cloud bears some ten calls a second of a project; a burst comes with each rollout. */
const usualBudget = { perSecond: 20, burst: 40, leastPerSecond: 0.5 }

/** Budgets of calls, as all that calls an OpenStack as the same account must share. */
export function createOpenStackBudgets(ports: { readonly clock: Clock }): CallBudgets {
  return createCallBudgets(ports, usualBudget)
}

/** The account in a region as budgets know it: each region has services of its own. */
export function budgetKey(credentials: OpenStackCredentials, region: string): string {
  return `${accountOf(credentials)} ${region}`
}
