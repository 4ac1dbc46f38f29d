import type { Clock } from '@trellis/foundation/clock'
import type { Random } from '@trellis/foundation/random'
import type { Backoff } from '@trellis/foundation/retry'
import { withDelays } from './queue-delaying.ts'
import type { QueueMetrics } from './queue-metrics.ts'
import { createPlainQueue } from './queue-plain.ts'
import { withBackoff } from './queue-rate-limited.ts'

/**
 * A queue of keys with the guarantees of client-go's: each key is in it at most once (stingy), keys come out in the order they went in (fair),
 * and a key added while it is being processed comes out again afterwards, never to two workers at once (re-entrant).
 */
export interface WorkQueue {
  add(key: string): void
  /** Adds the key after a delay; an earlier pending moment wins. */
  addAfter(key: string, milliseconds: number): void
  /** Adds the key after its next backoff pause, or after `atLeastMilliseconds` when that is longer. */
  addWithBackoff(key: string, atLeastMilliseconds?: number): void
  /** Ends the key's backoff history. */
  forget(key: string): void
  /** How often the key was added with backoff since it was last forgotten. */
  tries(key: string): number
  /** The next key, as soon as there is one; undefined once the queue has shut down and is empty. */
  take(): Promise<string | undefined>
  /** Says that the work on a taken key is finished. */
  done(key: string): void
  /** Keys waiting to be taken now. */
  depth(): number
  shutDown(): void
}

/** What a queue is made of. */
export interface WorkQueueOptions {
  readonly clock: Clock
  readonly random: Random
  /** Names the queue in metrics. */
  readonly name: string
  /** Pauses after failures; from 50 ms to 2 min unless told. */
  readonly backoff?: Backoff
  /** See `queue-prometheus`. */
  readonly metrics?: { forQueue(name: string): QueueMetrics }
}

const usualBackoff: Backoff = { firstMilliseconds: 50, longestMilliseconds: 120_000 }

/** Makes an empty queue: plain, with delays around it, with backoff around those. */
export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  const metrics = options.metrics?.forQueue(options.name)
  const queue = withDelays(options.clock, createPlainQueue(metrics))
  return withBackoff(options.random, queue, options.backoff ?? usualBackoff, metrics)
}
