import type { Clock } from '@trellis/foundation/clock'
import { isFailure } from '@trellis/foundation/failure'
import type { Random } from '@trellis/foundation/random'
import { type Backoff, retry } from '@trellis/foundation/retry'
import { decorate } from './decorate.ts'
import type { Driver } from './driver.ts'

/** How long a call is tried. */
export interface RetrySettings {
  readonly backoff: Backoff
  readonly deadlineMilliseconds: number
}

const fewSeconds: RetrySettings = {
  backoff: { firstMilliseconds: 200, longestMilliseconds: 2000 },
  deadlineMilliseconds: 5000,
}

/** Repeats calls that failed as `Throttled`, `Unavailable` or `Timeout` for a few seconds, so that a hiccup of the cloud is not a failed machine. Longer troubles are the caller's. */
export function withRetry(
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  driver: Driver,
  settings: RetrySettings = fewSeconds,
): Driver {
  return decorate(driver, (operation, call, signal) => {
    // A server that turned out unusable is reported as Unavailable once it is removed: the next one is the caller's decision.
    const kinds = operation === 'createMachine' ? throttled : passing
    return retry(call, {
      clock,
      random,
      ...settings,
      ...(signal === undefined ? {} : { signal }),
      retryable: (error) => isFailure(error, ...kinds),
    })
  })
}

const throttled = ['Throttled'] as const
const passing = ['Throttled', 'Unavailable', 'Timeout'] as const
