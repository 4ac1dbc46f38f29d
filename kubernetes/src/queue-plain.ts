import { noQueueMetrics, type QueueMetrics } from './queue-metrics.ts'

/** The innermost layer of a work queue: stingy, fair and re-entrant, without delays. */
export interface PlainQueue {
  add(key: string): void
  take(): Promise<string | undefined>
  done(key: string): void
  depth(): number
  shutDown(): void
  isShutDown(): boolean
}

/** Makes an empty queue. */
export function createPlainQueue(metrics: QueueMetrics = noQueueMetrics): PlainQueue {
  /** Keys to be taken; a Set keeps the order in which they came. */
  const waiting = new Set<string>()
  /** Keys added while being processed: they come again after `done`. */
  const again = new Set<string>()
  const processing = new Set<string>()
  const takers: ((key: string | undefined) => void)[] = []
  let closed = false

  const enqueue = (key: string) => {
    waiting.add(key)
    metrics.added(key)
    const taker = takers.shift()
    if (taker !== undefined) taker(next())
    else metrics.depth(waiting.size)
  }
  const next = (): string | undefined => {
    for (const key of waiting) {
      waiting.delete(key)
      processing.add(key)
      metrics.taken(key)
      metrics.depth(waiting.size)
      return key
    }
    return undefined
  }
  return {
    add: (key) => {
      if (closed || waiting.has(key)) return
      if (processing.has(key)) again.add(key)
      else enqueue(key)
    },
    take: () => {
      const key = next()
      if (key !== undefined || closed) return Promise.resolve(key)
      return new Promise((resolve) => takers.push(resolve))
    },
    done: (key) => {
      if (!processing.delete(key)) return
      metrics.finished(key)
      if (again.delete(key)) enqueue(key)
    },
    depth: () => waiting.size,
    shutDown: () => {
      closed = true
      for (const taker of takers.splice(0)) taker(undefined)
    },
    isShutDown: () => closed,
  }
}
