import { Gauge, type Registry } from 'prom-client'
import type { SimulatedCloud } from './cloud.ts'

/** Registers gauges that tell how many servers the cloud has, most ever had at one time, and how often one was changed: the truth that no controller can colour. */
export function registerLedger(registry: Registry, cloud: SimulatedCloud): void {
  const gauge = (name: string, help: string, count: () => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(count())
      },
    })
  gauge('simulated_cloud_servers', 'Servers of the simulated cloud.', () => cloud.servers().length)
  gauge('simulated_cloud_servers_peak', 'Most servers that the simulated cloud ever had at one time.', () =>
    cloud.peak(),
  )
  gauge(
    'simulated_cloud_updates',
    'Calls of the simulated cloud that changed a server while it ran.',
    () => cloud.calls().update ?? 0,
  )
}
