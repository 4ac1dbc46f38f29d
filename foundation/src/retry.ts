import type { Clock } from './clock.ts'
import { Failure, isTransient } from './failure.ts'
import type { Random } from './random.ts'

/** How the pauses between tries grow. */
export interface Backoff {
  readonly firstMilliseconds: number
  readonly longestMilliseconds: number
  /** Factor from one pause to the next; 2 unless told. */
  readonly factor?: number
}

/** The pause in whole milliseconds before try number `tries` (1 = the pause after the first failure), spread evenly over its upper half so that callers do not march in step. */
export function pauseMilliseconds(backoff: Backoff, tries: number, random: Random): number {
  const growth = (backoff.factor ?? 2) ** Math.min(tries - 1, 64)
  const full = Math.min(backoff.firstMilliseconds * growth, backoff.longestMilliseconds)
  return Math.round(full / 2 + (full / 2) * random.fraction())
}

/** What retrying needs and where it ends. */
export interface RetryOptions {
  readonly clock: Clock
  readonly random: Random
  readonly backoff: Backoff
  /** Give up once this much time has passed since the first try. */
  readonly deadlineMilliseconds: number
  readonly signal?: AbortSignal
  /** Whether this error may pass by itself; unless told, whatever is not a bug or a final failure. */
  readonly retryable?: (error: unknown) => boolean
  readonly onRetry?: (error: unknown, tries: number) => void
}

/** Calls `work` until it succeeds, fails for good, or the deadline has passed; then throws its last error. */
export async function retry<Value>(work: () => Promise<Value>, options: RetryOptions): Promise<Value> {
  const { clock, random, backoff, signal } = options
  const end = clock.now() + options.deadlineMilliseconds
  for (let tries = 1; ; tries++) {
    signal?.throwIfAborted()
    try {
      return await work()
    } catch (error) {
      const pause = pauseAfter(error, tries)
      if (!(options.retryable ?? isTransient)(error) || clock.now() + pause > end) throw error
      options.onRetry?.(error, tries)
      await clock.sleep(pause, signal)
    }
  }

  function pauseAfter(error: unknown, tries: number): number {
    const asked = error instanceof Failure ? (error.retryAfterMilliseconds ?? 0) : 0
    return Math.max(asked, pauseMilliseconds(backoff, tries, random))
  }
}
