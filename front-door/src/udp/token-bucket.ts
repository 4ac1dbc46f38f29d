/** How much may happen: so much each second, and so much at once after a rest. */
export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

/** Lets things happen up to a rate. */
export interface TokenBucket {
  /** Takes so many tokens, or none when there are fewer. Instants in milliseconds, never going back. */
  take(count: number, now: number): boolean
  /** Takes what there is, down to owing: for costs that are known afterwards. */
  spend(count: number, now: number): void
  /** Whether it has at least one token. */
  hasAny(now: number): boolean
}

/** A bucket that is full at first. */
export function createTokenBucket(rate: Rate, start: number): TokenBucket {
  let tokens = rate.burst
  let last = start
  const refill = (now: number) => {
    if (now <= last) return
    tokens = Math.min(rate.burst, tokens + ((now - last) * rate.perSecond) / 1000)
    last = now
  }
  return {
    take: (count, now) => {
      refill(now)
      if (tokens < count) return false
      tokens -= count
      return true
    },
    spend: (count, now) => {
      refill(now)
      tokens -= count
    },
    hasAny: (now) => {
      refill(now)
      return tokens >= 1
    },
  }
}

/** One bucket for each of many senders. */
export interface TokenBuckets {
  take(key: string, now: number): boolean
}

/** Buckets for at most `limit` senders; the one not heard of for longest makes room. */
export function createTokenBuckets(rate: Rate, limit: number): TokenBuckets {
  const buckets = new Map<string, TokenBucket>()
  return {
    take: (key, now) => {
      const bucket = buckets.get(key) ?? createTokenBucket(rate, now)
      // A map keeps the order of insertion: what was used last stands last.
      buckets.delete(key)
      buckets.set(key, bucket)
      const [oldest] = buckets.keys()
      if (buckets.size > limit && oldest !== undefined) buckets.delete(oldest)
      return bucket.take(1, now)
    },
  }
}
