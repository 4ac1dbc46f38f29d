import { Counter, Histogram, type Registry } from 'prom-client'
import type { RequestObservation } from './client-requests.ts'

/** Registers client-go's request metrics (`rest_client_*`). Give the returned function to the clients of this process as `observe`. */
export function createClientMetrics(registry: Registry): (observation: RequestObservation) => void {
  const requests = new Counter({
    name: 'rest_client_requests_total',
    help: 'Requests to API servers; code is <error> where there was no answer',
    labelNames: ['code', 'method', 'host'],
    registers: [registry],
  })
  const latency = new Histogram({
    name: 'rest_client_request_latency_seconds',
    help: 'Time from request to complete answer',
    labelNames: ['verb', 'url'],
    buckets: [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60],
    registers: [registry],
  })
  return ({ method, host, code, milliseconds }) => {
    requests.inc({ code: code === undefined ? '<error>' : String(code), method, host })
    latency.observe({ verb: method, url: host }, milliseconds / 1000)
  }
}
