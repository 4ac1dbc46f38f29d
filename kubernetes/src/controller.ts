import type { Clock } from '@trellis/foundation/clock'
import { describe, Failure, InvariantError } from '@trellis/foundation/failure'
import { aborted } from '@trellis/foundation/lifetime'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { createWorkQueue, type WorkQueue } from './queue.ts'

/**
 * How a reconcile ended.
 * - `done`: nothing to do until something changes. `again`: call again after that time even if nothing changes.
 * - `blocked`: cannot proceed until something changes; the reason is for people.
 */
export type Outcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'again'; readonly afterMilliseconds: number }
  | { readonly kind: 'blocked'; readonly reason: string }

/** Nothing to do until something changes. */
export const done: Outcome = { kind: 'done' }

/** Come back after that time. */
export function again(afterMilliseconds: number): Outcome {
  return { kind: 'again', afterMilliseconds }
}

/** Wait for a change. */
export function blocked(reason: string): Outcome {
  return { kind: 'blocked', reason }
}

/** The work of a controller on one key. It re-reads the world; a thrown error means again with backoff. */
export type Reconcile = (key: string, signal: AbortSignal) => Promise<Outcome>

/** A running loop of workers over one queue. */
export interface Controller {
  enqueue(key: string): void
  enqueueAfter(key: string, milliseconds: number): void
  /** Works until the signal aborts, then lets the reconciles under way finish. Rejects with the first `InvariantError`, after stopping. */
  run(signal: AbortSignal): Promise<void>
}

/** What a controller is made of. */
export interface ControllerOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly name: string
  /** Keys worked on at the same time; never two of the same. */
  readonly concurrency: number
  readonly reconcile: Reconcile
  /** One of its own unless told. */
  readonly queue?: WorkQueue
}

/** Makes a controller. Keys may be enqueued before it runs. */
export function createController(options: ControllerOptions): Controller {
  const queue = options.queue ?? createWorkQueue(options)
  const settle = createSettler(options, queue)
  return {
    enqueue: (key) => queue.add(key),
    enqueueAfter: (key, milliseconds) => queue.addAfter(key, milliseconds),
    run: async (signal) => {
      const crash = new AbortController()
      const stop = AbortSignal.any([signal, crash.signal])
      const worker = async () => {
        for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
          if (!stop.aborted) await settle(key, stop).catch((error: unknown) => crash.abort(error))
          queue.done(key)
        }
      }
      const workers = Array.from({ length: options.concurrency }, worker)
      await aborted(stop)
      queue.shutDown()
      await Promise.all(workers)
      if (crash.signal.aborted) throw crash.signal.reason
    },
  }
}

type Settle = (key: string, signal: AbortSignal) => Promise<void>

/** Reconciles a key and puts it back where its outcome wants it. Rejects only for bugs. */
function createSettler({ reconcile, log: parent, name }: ControllerOptions, queue: WorkQueue): Settle {
  const log = parent.child({ controller: name })
  const reasons = new Map<string, string>()
  const apply = (key: string, outcome: Outcome) => {
    queue.forget(key)
    if (outcome.kind !== 'blocked') reasons.delete(key)
    else if (reasons.get(key) !== outcome.reason) {
      reasons.set(key, outcome.reason)
      log.info({ key, reason: outcome.reason }, 'waits for a change')
    }
    if (outcome.kind === 'again') queue.addAfter(key, outcome.afterMilliseconds)
  }
  const tryAgain = (key: string, error: unknown) => {
    const tries = queue.tries(key) + 1
    const fields = { key, tries, error: describe(error) }
    if (error instanceof Failure) log.warn(fields, 'reconcile failed and will be tried again')
    else log.error({ ...fields, stack: stackOf(error) }, 'reconcile threw what is no failure, and will be tried again')
    queue.addWithBackoff(key, error instanceof Failure ? error.retryAfterMilliseconds : undefined)
  }
  return async (key, signal) => {
    try {
      apply(key, await reconcile(key, signal))
    } catch (error) {
      if (error instanceof InvariantError) throw error
      if (!signal.aborted) tryAgain(key, error)
    }
  }
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : undefined
}
