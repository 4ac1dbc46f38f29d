import type { Clock } from '@trellis/foundation/clock'

/** How many requests a client may send. */
export interface RequestLimit {
  readonly perSecond: number
  /** Requests that may go out at once after a rest. */
  readonly burst: number
}

/** Lets requests through at a steady rate. */
export interface RateLimiter {
  /** Resolves when it is the caller's turn, in order; rejects with the signal's reason when that aborts first. */
  turn(signal?: AbortSignal): Promise<void>
}

/** A limiter that lets `burst` requests through at once and `perSecond` from then on. A caller that gives up has used its turn. */
export function createRateLimiter(clock: Clock, limit: RequestLimit): RateLimiter {
  const interval = 1000 / limit.perSecond
  /** When the bucket will be full again, were no more requests to come. */
  let fullAt = clock.now()
  return {
    turn: async (signal) => {
      const now = clock.now()
      fullAt = Math.max(fullAt, now) + interval
      const pause = fullAt - now - limit.burst * interval
      if (pause > 0) await clock.sleep(pause, signal)
    },
  }
}
