import type { Clock, Timer } from '@trellis/foundation/clock'
import { isFailure } from '@trellis/foundation/failure'

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

/** The share that is left of the rate when the cloud refuses, and the share of the whole that comes back with each second without refusal. */
const cut = 0.5
const gainPerSecond = 0.05

/** Refusals within this time tell of one and the same excess. */
const reactionMilliseconds = 1000

/**
 * A token bucket whose rate follows what the cloud says: halved when a call fails as `Throttled`, raised by a twentieth of the whole for each second without.
 * A refusal that says when to come back (`retryAfterMilliseconds`) holds every call until then.
 */
export function createCallBudget({ clock }: { readonly clock: Clock }, settings: CallBudgetSettings): CallBudget {
  const bucket = createBucket(clock, settings)
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

interface Waiter {
  enter(): void
}

function createBucket(clock: Clock, settings: CallBudgetSettings) {
  const { burst, leastPerSecond } = settings
  const waiting = new Set<Waiter>()
  let rate = settings.perSecond
  let tokens = burst
  let toldAt = clock.now()
  let closedUntil = 0
  let slowedAt = Number.NEGATIVE_INFINITY
  let timer: Timer | undefined
  const refill = (): number => {
    const now = clock.now()
    const seconds = (now - toldAt) / 1000
    toldAt = now
    tokens = Math.min(burst, tokens + seconds * rate)
    rate = Math.min(settings.perSecond, rate + seconds * gainPerSecond * settings.perSecond)
    return now
  }
  const admit = () => {
    timer?.cancel()
    timer = undefined
    const now = refill()
    for (const waiter of waiting) {
      if (tokens < 1 || now < closedUntil) break
      tokens--
      waiting.delete(waiter)
      waiter.enter()
    }
    if (waiting.size === 0) return
    const untilToken = tokens < 1 ? Math.ceil(((1 - tokens) / rate) * 1000) : 0
    timer = clock.setTimer(Math.max(untilToken, closedUntil - now), admit)
  }
  return {
    perSecond: () => {
      refill()
      return rate
    },
    take: (signal: AbortSignal | undefined) =>
      new Promise<void>((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const leave = () => {
          waiting.delete(waiter)
          reject(signal?.reason)
        }
        const waiter: Waiter = {
          enter: () => {
            signal?.removeEventListener('abort', leave)
            resolve()
          },
        }
        signal?.addEventListener('abort', leave, { once: true })
        waiting.add(waiter)
        admit()
      }),
    slowDown: (retryAfterMilliseconds: number) => {
      const now = refill()
      closedUntil = Math.max(closedUntil, now + retryAfterMilliseconds)
      if (now - slowedAt < reactionMilliseconds) return
      slowedAt = now
      rate = Math.max(leastPerSecond, rate * cut)
      tokens = Math.min(tokens, 0)
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
  const budgets = new Map<string, CallBudget>()
  return {
    of: (account) => {
      const budget = budgets.get(account) ?? createCallBudget(ports, settings)
      budgets.delete(account)
      budgets.set(account, budget)
      const [oldest] = budgets.keys()
      if (budgets.size > mostAccounts && oldest !== undefined) budgets.delete(oldest)
      return budget
    },
  }
}
