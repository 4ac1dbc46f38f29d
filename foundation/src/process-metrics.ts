import { collectDefaultMetrics, type Registry } from 'prom-client'

/** The delay of the event loop is measured this often. The usual 10 ms would be most of what an idle process does. */
const loopMeasurementMilliseconds = 100

/**
 * Registers the metrics that every process of Node has: CPU, memory, handles, garbage collection, delay of the event loop. The delay is
 * told together with the 100 ms between two measurements: a loop that is never late shows 0.1 s.
 */
export function registerProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: loopMeasurementMilliseconds })
}
