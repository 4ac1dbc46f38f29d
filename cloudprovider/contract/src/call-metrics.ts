import { Counter, Gauge, type Registry } from 'prom-client'

/** Counts what a driver asks of its cloud's API. */
export interface CallMetrics {
  /** One request of the API was made, whatever came of it; `api` is the cloud's own name for it, as in `RunInstances`. */
  called(api: string): void
  /** One server was made: not adopted, and not asked for in vain. */
  made(): void
}

/** Counters of one provider in `registry`, which can hold those of one provider only. */
export function createCallMetrics(registry: Registry, provider: string): CallMetrics {
  const registers = [registry]
  let calls = 0
  let machines = 0
  const counter = new Counter({
    name: 'mcm_cloud_api_calls_total',
    help: "Requests of the cloud's API, by its own names.",
    labelNames: ['provider', 'api'],
    registers,
  })
  const made = new Counter({
    name: 'mcm_cloud_servers_made_total',
    help: 'Servers that were made.',
    labelNames: ['provider'],
    registers,
  })
  new Gauge({
    name: 'mcm_cloud_api_calls_per_machine',
    help: "Requests of the cloud's API since the start for each server made; absent before the first.",
    labelNames: ['provider'],
    registers,
    collect() {
      if (machines > 0) this.set({ provider }, calls / machines)
    },
  })
  return {
    called: (api) => {
      calls++
      counter.inc({ provider, api })
    },
    made: () => {
      machines++
      made.inc({ provider })
    },
  }
}

/** Counts nothing. */
export const noCallMetrics: CallMetrics = { called: () => {}, made: () => {} }
