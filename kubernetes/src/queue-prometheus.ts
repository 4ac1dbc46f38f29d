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
  const queues = new Map<string, Map<string, number>>()
  const running = (name: string) => [...(queues.get(name)?.values() ?? [])].map((since) => (clock.now() - since) / 1000)
  const metric = (name: string) => `${prefix}workqueue_${name}`
  const depth = new Gauge({ ...common, name: metric('depth'), help: 'Keys waiting to be worked on' })
  const adds = new Counter({ ...common, name: metric('adds_total'), help: 'Keys added' })
  const retries = new Counter({ ...common, name: metric('retries_total'), help: 'Keys added again after a failure' })
  const waited = new Histogram({
    ...common,
    name: metric('queue_duration_seconds'),
    help: 'Time that a key waits before work on it begins',
    buckets: bucketsSeconds,
  })
  const worked = new Histogram({
    ...common,
    name: metric('work_duration_seconds'),
    help: 'Time that work on a key takes',
    buckets: bucketsSeconds,
  })
  new Gauge({
    ...common,
    name: metric('unfinished_work_seconds'),
    help: 'Time spent so far on work under way, summed',
    collect() {
      for (const name of queues.keys())
        this.set(
          { name },
          running(name).reduce((sum, seconds) => sum + seconds, 0),
        )
    },
  })
  new Gauge({
    ...common,
    name: metric('longest_running_processor_seconds'),
    help: 'Time spent so far on the work under way that began first',
    collect() {
      for (const name of queues.keys()) this.set({ name }, Math.max(0, ...running(name)))
    },
  })
  return {
    forQueue: (name) => {
      const addedAt = new Map<string, number>()
      const startedAt = new Map<string, number>()
      queues.set(name, startedAt)
      const since = (instant: number | undefined) => (clock.now() - (instant ?? clock.now())) / 1000
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
