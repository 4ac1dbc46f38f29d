import type { Clock } from '@trellis/foundation/clock'
import { isFailure } from '@trellis/foundation/failure'
import { createKeeper } from './keeper.ts'
import { createTokenBucket } from './token-bucket.ts'

/** How hard an account may be called to begin with, and how far that may sink. */
export interface CallBudgetSettings {
  /** Calls a second that the cloud is thought to allow; the rate never rises above it. */
  readonly perSecond: number
  /** Calls that may come at once after a rest. */
  readonly burst: number
  /** Calls a second that are made however often the cloud refuses. */
  readonly leastPerSecond: number
}

/** The calls that one account may make; everything that calls it shares one. */
export interface CallBudget {
  /** Makes the call once the budget allows it, first come first served. Rejects with the signal's reason when the signal aborts while it waits. */
  spend<Answer>(call: () => Promise<Answer>, signal?: AbortSignal): Promise<Answer>
  /** Calls a second that are allowed at present. */
  perSecond(): number
}

/**
 * A token bucket whose rate follows what the cloud says: halved when a call fails as `Throttled`, raised by a twentieth of the whole for each second without.
 * A refusal that says when to come back (`retryAfterMilliseconds`) holds every call until then.
 */
export function createCallBudget({ clock }: { readonly clock: Clock }, settings: CallBudgetSettings): CallBudget {
  const bucket = createTokenBucket({ clock }, settings)
  return {
    perSecond: bucket.perSecond,
    spend: async (call, signal) => {
      await bucket.take(signal)
      try {
        return await call()
      } catch (error) {
        if (isFailure(error, 'Throttled')) bucket.slowDown(error.retryAfterMilliseconds ?? 0)
        throw error
      }
    },
  }
}

/** Budgets by account, so that every class and cluster that uses an account shares its budget. */
export interface CallBudgets {
  /** The budget of an account; `account` tells accounts apart and holds no secret. */
  of(account: string): CallBudget
}

/** Budgets are small and accounts few; should there be more, the one that rested longest is forgotten. */
const mostAccounts = 1000

/** Makes the budgets of one cloud. */
export function createCallBudgets(ports: { readonly clock: Clock }, settings: CallBudgetSettings): CallBudgets {
  const budgets = createKeeper<CallBudget>({ most: mostAccounts })
  return { of: (account) => budgets.of(account, () => createCallBudget(ports, settings)) }
}
