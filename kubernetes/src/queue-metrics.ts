/** What a queue tells of its life. */
export interface QueueMetrics {
  depth(keys: number): void
  added(key: string): void
  retried(key: string): void
  taken(key: string): void
  finished(key: string): void
}

/** Measures nothing. */
export const noQueueMetrics: QueueMetrics = { depth() {}, added() {}, retried() {}, taken() {}, finished() {} }
