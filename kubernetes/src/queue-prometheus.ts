import type { Clock } from '@trellis/foundation/clock'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { QueueMetrics } from './queue-metrics.ts'

/** Work-queue metrics of one process. */
export interface QueueMetricsProvider {
  /** The metrics of one queue, told apart by the label `name`. */
  forQueue(name: string): QueueMetrics
}

const bucketsSeconds = [1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 60, 600]

/** Registers client-go's work-queue metrics as `<prefix>workqueue_*`. Times come from the clock. */
export function createQueueMetrics(clock: Clock, registry: Registry, prefix: string): QueueMetricsProvider {
  const common = { labelNames: ['name'] as const, registers: [registry] }
  const metric = (name: string, help: string) => ({ ...common, name: `${prefix}workqueue_${name}`, help })
  const timing = (name: string, help: string) => ({ ...metric(name, help), buckets: bucketsSeconds })
  const depth = new Gauge(metric('depth', 'Keys waiting to be worked on'))
  const adds = new Counter(metric('adds_total', 'Keys added'))
  const retries = new Counter(metric('retries_total', 'Keys added again after a failure'))
  const waited = new Histogram(timing('queue_duration_seconds', 'Time that a key waits before work on it begins'))
  const worked = new Histogram(timing('work_duration_seconds', 'Time that work on a key takes'))
  const since = (instant: number | undefined) => (clock.now() - (instant ?? clock.now())) / 1000

  const running = new Map<string, Map<string, number>>()
  const gaugeOfRunning = (name: string, help: string, summarize: (seconds: readonly number[]) => number) =>
    new Gauge({
      ...metric(name, help),
      collect() {
        for (const [queue, started] of running) this.set({ name: queue }, summarize([...started.values()].map(since)))
      },
    })
  gaugeOfRunning('unfinished_work_seconds', 'Time spent so far on work under way, summed', (seconds) =>
    seconds.reduce((sum, one) => sum + one, 0),
  )
  gaugeOfRunning('longest_running_processor_seconds', 'Time spent so far on the oldest work under way', (seconds) =>
    Math.max(0, ...seconds),
  )

  return {
    forQueue: (name) => {
      const addedAt = new Map<string, number>()
      const startedAt = new Map<string, number>()
      running.set(name, startedAt)
      return {
        depth: (keys) => depth.set({ name }, keys),
        added: (key) => {
          adds.inc({ name })
          addedAt.set(key, clock.now())
        },
        retried: () => retries.inc({ name }),
        taken: (key) => {
          waited.observe({ name }, since(addedAt.get(key)))
          addedAt.delete(key)
          startedAt.set(key, clock.now())
        },
        finished: (key) => {
          worked.observe({ name }, since(startedAt.get(key)))
          startedAt.delete(key)
        },
      }
    },
  }
}
