import { Registry } from 'prom-client'
import { expect, it } from 'vitest'
import { registerProcessMetrics } from './process-metrics.ts'

it('tells of CPU, memory and the event loop', async () => {
  const registry = new Registry()
  registerProcessMetrics(registry)
  const page = await registry.metrics()
  expect(page).toMatch(/^process_cpu_seconds_total \d/m)
  expect(page).toMatch(/^process_resident_memory_bytes \d/m)
  expect(page).toContain('nodejs_eventloop_lag_p99_seconds')
})
