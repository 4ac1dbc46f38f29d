import { registerProcessMetrics } from '@trellis/foundation/process-metrics'
import { Counter, Gauge, Registry } from 'prom-client'
import type { TlsCounts } from './tls/counts.ts'
import type { UdpCounts } from './udp/counts.ts'

/** What the metrics show. */
export interface FrontDoorState {
  readonly udp: UdpCounts
  readonly flows: { readonly kernel: number; readonly userspace: number }
  /** Undefined when the TLS side is not open. */
  readonly tls: TlsCounts | undefined
  readonly destinations: { readonly tunnels: number; readonly servers: number; readonly refused: number }
}

const prefix = 'trellis_front_door_'

/** A row of a metric: its labels and its number. */
type Row = readonly [labels: Readonly<Record<string, string>>, value: number]

/** Adds one metric. */
type Define = (
  kind: 'gauge' | 'counter',
  name: string,
  help: string,
  rows: (now: FrontDoorState) => readonly Row[],
) => void

/** A registry whose metrics show the door's state at the moment they are scraped. */
export function createFrontDoorMetrics(state: () => FrontDoorState): Registry {
  const registry = new Registry()
  registerProcessMetrics(registry)
  const define = (
    kind: 'gauge' | 'counter',
    name: string,
    help: string,
    rows: (now: FrontDoorState) => readonly Row[],
  ) => addMetric(registry, { kind, name, help, rows: () => rows(state()) })
  define('gauge', 'flows', 'Sources by who forwards their packets.', ({ flows }) => byLabel('path', flows))
  define('gauge', 'destinations', 'Destinations by sort; refused are those that claim what is of others.', (now) =>
    byLabel('sort', now.destinations),
  )
  define('counter', 'handshakes_total', 'Handshakes passed on, and sources answered for the first time.', ({ udp }) =>
    byLabel('result', udp.handshakes),
  )
  define('counter', 'dropped_packets_total', 'Packets that went no further, by reason.', ({ udp }) =>
    byLabel('reason', { ...udp.dropped, 'kernel-network-limit': udp.kernelFlooding }),
  )
  define('counter', 'packets_total', 'Packets passed on; the kernel tells of those from sources only.', ({ udp }) =>
    trafficRows(udp, 'packets'),
  )
  define('counter', 'bytes_total', 'Bytes passed on; the kernel tells of those from sources only.', ({ udp }) =>
    trafficRows(udp, 'bytes'),
  )
  if (state().tls !== undefined) addConnections(define)
  return registry
}

function addConnections(define: Define): void {
  define('gauge', 'connections', 'Connections of TLS clients that are open.', ({ tls }) => [[{}, tls?.open ?? 0]])
  define('counter', 'connections_total', 'Connections of TLS clients by what became of them.', ({ tls }) =>
    byLabel('result', tls?.results ?? {}),
  )
  define('counter', 'connection_bytes_total', 'Bytes of TLS connections that have ended.', ({ tls }) =>
    byLabel('direction', { to_server: tls?.bytes.toServer ?? 0, to_client: tls?.bytes.toClient ?? 0 }),
  )
}

function byLabel(label: string, values: Readonly<Record<string, number>>): readonly Row[] {
  return Object.entries(values).map(([name, value]) => [{ [label]: name }, value])
}

function trafficRows({ userspace, kernel }: UdpCounts, what: 'packets' | 'bytes'): readonly Row[] {
  return [
    [{ path: 'userspace', direction: 'to_destination' }, userspace.toDestination[what]],
    [{ path: 'userspace', direction: 'to_source' }, userspace.toSource[what]],
    [{ path: 'kernel', direction: 'to_destination' }, kernel[what]],
  ]
}

interface MetricDefinition {
  readonly kind: 'gauge' | 'counter'
  readonly name: string
  readonly help: string
  readonly rows: () => readonly Row[]
}

function addMetric(registry: Registry, { kind, name, help, rows }: MetricDefinition): void {
  const labelNames = Object.keys(rows()[0]?.[0] ?? {})
  const common = { name: `${prefix}${name}`, help, labelNames, registers: [registry] }
  if (kind === 'gauge') {
    new Gauge({
      ...common,
      collect() {
        for (const [labels, value] of rows()) this.set(labels, value)
      },
    })
    return
  }
  new Counter({
    ...common,
    collect() {
      this.reset()
      for (const [labels, value] of rows()) this.inc(labels, value)
    },
  })
}
