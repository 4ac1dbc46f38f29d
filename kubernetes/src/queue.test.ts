import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { testWorkQueue } from '../testing/queue-conformance.ts'
import { createWorkQueue } from './queue.ts'
import { createQueueMetrics } from './queue-prometheus.ts'

describe('work queue', () => {
  testWorkQueue((clock, random, backoff) => createWorkQueue({ clock, random, name: 'test', backoff }))
})

describe('work queue metrics', () => {
  it('measures a queue from the first key to the last', async () => {
    const clock = createVirtualClock()
    const registry = new Registry()
    const metrics = createQueueMetrics(clock, registry, 'mcm_')
    const queue = createWorkQueue({ clock, random: createSeededRandom('metrics'), name: 'machine', metrics })
    queue.add('a')
    queue.add('b')
    await clock.advance(2_000)
    await queue.take()
    queue.addWithBackoff('c')
    await clock.advance(3_000)
    const text = await registry.metrics()
    expect(text).toContain('mcm_workqueue_depth{name="machine"} 2')
    expect(text).toContain('mcm_workqueue_adds_total{name="machine"} 3')
    expect(text).toContain('mcm_workqueue_retries_total{name="machine"} 1')
    expect(text).toContain('mcm_workqueue_queue_duration_seconds_sum{name="machine"} 2')
    expect(text).toContain('mcm_workqueue_unfinished_work_seconds{name="machine"} 3')
    expect(text).toContain('mcm_workqueue_longest_running_processor_seconds{name="machine"} 3')
    queue.done('a')
    expect(await registry.metrics()).toContain('mcm_workqueue_work_duration_seconds_sum{name="machine"} 3')
  })
})
