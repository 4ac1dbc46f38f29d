import { type CallBudgets, createCallBudgets } from '@trellis/cloudprovider/contract/call-budget'
import type { Clock } from '@trellis/foundation/clock'

/** What the cloud allows of one account, with room for others: 25 calls a second for each sort of call. */
const budgetSettings = { perSecond: 20, burst: 40, leastPerSecond: 1 }

/** Budgets of calls, as all that calls Google with the same credentials must share. */
export function createGoogleBudgets(ports: { readonly clock: Clock }): CallBudgets {
  return createCallBudgets(ports, budgetSettings)
}
