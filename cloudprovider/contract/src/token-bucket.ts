import type { Clock, Timer } from '@trellis/foundation/clock'

/** How fast a bucket fills. */
export interface TokenBucketSettings {
  /** Tokens that come back each second; the rate never rises above it. */
  readonly perSecond: number
  /** Tokens that it holds when it is full. */
  readonly burst: number
  /** How far the rate sinks at most; not at all unless told. */
  readonly leastPerSecond?: number
}

/** Lets callers in, first come first served, no faster than it fills. */
export interface TokenBucket {
  /** Resolves once there is a token for the caller. Rejects with the signal's reason when the signal aborts while it waits; it has taken none then. */
  take(signal?: AbortSignal): Promise<void>
  /** Lets nobody in for so long, empties the bucket and halves the rate: once for all that comes within a second. A twentieth of the whole rate comes back with each second. */
  slowDown(retryAfterMilliseconds: number): void
  /** Tokens a second at present. */
  perSecond(): number
}

/** The share that is left of the rate when the cloud refuses, and the share of the whole that comes back with each second without refusal. */
const cut = 0.5
const gainPerSecond = 0.05

/** Refusals within this time tell of one and the same excess. */
const reactionMilliseconds = 1000

interface Waiter {
  enter(): void
}

/** Makes a full one. */
export function createTokenBucket({ clock }: { readonly clock: Clock }, settings: TokenBucketSettings): TokenBucket {
  const { perSecond, burst, leastPerSecond = perSecond } = settings
  const waiting = new Set<Waiter>()
  let rate = perSecond
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
    rate = Math.min(perSecond, rate + seconds * gainPerSecond * perSecond)
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
    take: (signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const leave = () => {
          waiting.delete(waiter)
          if (waiting.size === 0) timer?.cancel()
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
    slowDown: (retryAfterMilliseconds) => {
      const now = refill()
      closedUntil = Math.max(closedUntil, now + retryAfterMilliseconds)
      if (now - slowedAt < reactionMilliseconds) return
      slowedAt = now
      rate = Math.max(leastPerSecond, rate * cut)
      tokens = Math.min(tokens, 0)
    },
  }
}
