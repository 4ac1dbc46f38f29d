import type { Clock } from '@trellis/foundation/clock'
import { describe, InvariantError, isTransient } from '@trellis/foundation/failure'
import { createGate, type Gate } from '@trellis/foundation/gate'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { retry } from '@trellis/foundation/retry'

/** What keeping something as it should be takes. */
export interface UpkeepOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** What is kept, for messages: `device`. */
  readonly what: string
  /** Makes it what it should be now and says how many changes that took. */
  readonly configure: () => Promise<number>
  readonly signal: AbortSignal
}

/** Keeps something as it should be. Changes are made one at a time, in the order in which they were asked for. */
export interface Upkeep {
  /** Sets it up, trying for half a minute. Throws when that is not possible. */
  start(): Promise<void>
  /** Sets it right at once and, when that fails, goes on trying for as long as it takes; never throws. Resolves with the first try. */
  restore(): Promise<void>
  /** Runs another change when those before have been made. */
  readonly turn: Gate
  /** Resolves when nothing is being changed any more. */
  idle(): Promise<void>
  /** Why it is not set up; undefined when it is. */
  problem(): string | undefined
}

const startDeadlineMilliseconds = 30_000
const backoff = { firstMilliseconds: 100, longestMilliseconds: 5000 }

/** Makes an upkeep; it does nothing until it is asked. */
export function createUpkeep(options: UpkeepOptions): Upkeep {
  const { clock, random, log, what, signal } = options
  const turn = createGate(1)
  let problem: string | undefined = 'it is being set up'
  let trying: Promise<void> | undefined

  async function configure(): Promise<void> {
    try {
      const changes = await options.configure()
      problem = undefined
      if (changes > 0) log.info({ what, changes }, 'it was configured')
    } catch (error) {
      problem = describe(error)
      throw error
    }
  }

  function configureUntil(deadlineMilliseconds: number, retryable: (error: unknown) => boolean): Promise<void> {
    return retry(() => turn(configure), {
      ...{ clock, random, backoff, signal, deadlineMilliseconds, retryable },
      onRetry: () => log.warn({ what, problem }, 'it cannot be configured yet'),
    })
  }

  function goOnTrying(): void {
    trying ??= configureUntil(Number.POSITIVE_INFINITY, notABug)
      .catch((error: unknown) => log.debug({ what, problem: describe(error) }, 'it is not restored'))
      .finally(() => {
        trying = undefined
      })
  }

  return {
    start: () => configureUntil(startDeadlineMilliseconds, isTransient),
    restore: async () => {
      if (signal.aborted) return
      await turn(configure).catch((error: unknown) => {
        log.warn({ what, problem }, 'it could not be configured')
        if (notABug(error)) goOnTrying()
      })
    },
    turn,
    idle: async () => {
      await trying
      await turn(async () => {})
    },
    problem: () => problem,
  }
}

function notABug(error: unknown): boolean {
  return !(error instanceof InvariantError)
}
