import type { Random } from '@trellis/foundation/random'
import { type Backoff, pauseMilliseconds } from '@trellis/foundation/retry'
import type { DelayingQueue } from './queue-delaying.ts'
import { noQueueMetrics, type QueueMetrics } from './queue-metrics.ts'

/** The outermost layer of a work queue: keys that failed come back after growing pauses. */
export interface RateLimitedQueue extends DelayingQueue {
  addWithBackoff(key: string, atLeastMilliseconds?: number): void
  forget(key: string): void
  tries(key: string): number
}

/** Puts backoff around a queue. Each key has a history of its own, which `forget` ends. */
export function withBackoff(
  random: Random,
  queue: DelayingQueue,
  backoff: Backoff,
  metrics: QueueMetrics = noQueueMetrics,
): RateLimitedQueue {
  const tries = new Map<string, number>()
  return {
    ...queue,
    addWithBackoff: (key, atLeastMilliseconds = 0) => {
      if (queue.isShutDown()) return
      const count = (tries.get(key) ?? 0) + 1
      tries.set(key, count)
      metrics.retried(key)
      queue.addAfter(key, Math.max(pauseMilliseconds(backoff, count, random), atLeastMilliseconds))
    },
    forget: (key) => {
      tries.delete(key)
    },
    tries: (key) => tries.get(key) ?? 0,
  }
}
