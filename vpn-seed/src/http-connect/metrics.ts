import { registerProcessMetrics } from '@trellis/foundation/process-metrics'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { RefusalReason } from './refusal.ts'
import type { CarriedBytes } from './streams.ts'

/** Names of the metrics of the endpoint, beside those that every process has. */
export const httpConnectMetricNames = {
  open: 'trellis_vpn_connect_open',
  opened: 'trellis_vpn_connect_opened_total',
  failed: 'trellis_vpn_connect_failed_total',
  bytes: 'trellis_vpn_connect_bytes_total',
  dial: 'trellis_vpn_connect_dial_seconds',
  expiry: 'trellis_vpn_connect_certificate_expiry_timestamp_seconds',
  reloads: 'trellis_vpn_connect_certificate_reloads_total',
} as const

/** What is read at the moment of a scrape. */
export interface HttpConnectState {
  readonly open: number
  readonly bytes: CarriedBytes
  /** Milliseconds since the epoch. */
  readonly certificateExpiry: number
}

/** What the endpoint tells as it happens. */
export interface HttpConnectMetrics {
  readonly registry: Registry
  opened(): void
  failed(reason: RefusalReason): void
  /** How long finding and reaching a destination took, in seconds; `result` is `opened` or why not. */
  dialled(seconds: number, result: 'opened' | RefusalReason): void
  reloaded(result: 'taken' | 'refused'): void
}

const dialBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** A registry of the endpoint. `state` is asked at each scrape. */
export function createHttpConnectMetrics(state: () => HttpConnectState): HttpConnectMetrics {
  const names = httpConnectMetricNames
  const registry = new Registry()
  registerProcessMetrics(registry)
  const registers = [registry]
  new Gauge({
    name: names.open,
    help: 'Streams that are open now.',
    registers,
    collect() {
      this.set(state().open)
    },
  })
  new Gauge({
    name: names.expiry,
    help: 'Instant at which the certificate of the endpoint expires.',
    registers,
    collect() {
      this.set(state().certificateExpiry / 1000)
    },
  })
  new Counter({
    name: names.bytes,
    help: 'Bytes carried, by direction.',
    labelNames: ['direction'],
    registers,
    collect() {
      const { toShoot, fromShoot } = state().bytes
      this.reset()
      this.inc({ direction: 'to_shoot' }, toShoot)
      this.inc({ direction: 'from_shoot' }, fromShoot)
    },
  })
  const opened = new Counter({ name: names.opened, help: 'Streams opened.', registers })
  const failed = new Counter({
    name: names.failed,
    help: 'Streams that were not opened, by reason.',
    labelNames: ['reason'],
    registers,
  })
  const dial = new Histogram({
    name: names.dial,
    help: 'Time to connect to a destination, by result.',
    labelNames: ['result'],
    buckets: dialBuckets,
    registers,
  })
  const reloads = new Counter({
    name: names.reloads,
    help: 'Times that certificates had changed, by whether they could be taken.',
    labelNames: ['result'],
    registers,
  })
  return {
    registry,
    opened: () => opened.inc(),
    failed: (reason) => failed.inc({ reason }),
    dialled: (seconds, result) => dial.observe({ result }, seconds),
    reloaded: (result) => reloads.inc({ result }),
  }
}
