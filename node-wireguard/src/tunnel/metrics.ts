import { registerProcessMetrics } from '@trellis/foundation/process-metrics'
import { Counter, Gauge, Registry } from 'prom-client'
import type { LinkStatus } from './link/link-status.ts'
import type { TunnelStatus } from './status.ts'

interface Metric<Status> {
  readonly kind: 'gauge' | 'counter'
  readonly help: string
  /** Undefined: there is nothing to show now. */
  readonly value: (status: Status) => number | undefined
}

const tunnelMetrics: Readonly<Record<string, Metric<TunnelStatus>>> = {
  tunnel_up: {
    kind: 'gauge',
    help: 'Whether everything behind the other ends can be reached.',
    value: (now) => Number(now.up),
  },
  tunnel_configured: {
    kind: 'gauge',
    help: 'Whether devices, addresses, routes and firewall are set up.',
    value: (now) => Number(now.configured),
  },
  switches_total: {
    kind: 'counter',
    help: 'Times that a network was moved to another link.',
    value: (now) => now.switches,
  },
  wireguard_restarts_total: {
    kind: 'counter',
    help: 'Times that a userspace device was started again.',
    value: (now) => now.links.reduce((sum, link) => sum + link.restarts, 0),
  },
}

const linkMetrics: Readonly<Record<string, Metric<LinkStatus>>> = {
  link_up: {
    kind: 'gauge',
    help: 'Whether the other end answers by this link.',
    value: (now) => Number(now.up),
  },
  link_carries: {
    kind: 'gauge',
    help: 'Whether something leads through this link.',
    value: (now) => Number(now.carries),
  },
  link_round_trip_seconds: {
    kind: 'gauge',
    help: 'Round trip of the last answered probe.',
    value: (now) => (now.rttMilliseconds === undefined ? undefined : now.rttMilliseconds / 1000),
  },
  link_loss_ratio: {
    kind: 'gauge',
    help: 'Part of the last probes that went unanswered.',
    value: (now) => now.lossRatio,
  },
  link_last_handshake_timestamp_seconds: {
    kind: 'gauge',
    help: 'Instant of the last completed handshake.',
    value: (now) => (now.lastHandshake === undefined ? undefined : Date.parse(now.lastHandshake) / 1000),
  },
  link_mtu_bytes: {
    kind: 'gauge',
    help: 'Largest packet that the link takes.',
    value: (now) => now.mtu,
  },
  link_receive_bytes_total: {
    kind: 'counter',
    help: 'Bytes received from the other end.',
    value: (now) => now.rxBytes,
  },
  link_transmit_bytes_total: {
    kind: 'counter',
    help: 'Bytes sent to the other end.',
    value: (now) => now.txBytes,
  },
  link_outages_total: {
    kind: 'counter',
    help: 'Times that the other end ceased to answer.',
    value: (now) => now.outages,
  },
  link_repairs_total: {
    kind: 'counter',
    help: 'Times that the peer was added anew because probes went unanswered.',
    value: (now) => now.repairs,
  },
}

const stateMetric = 'link_state'
const transportMetric = 'link_transport'

/** Names of all metrics of a tunnel, without their prefix: for what dashboards and alerts may ask. */
export const tunnelMetricNames: readonly string[] = [
  ...Object.keys(tunnelMetrics),
  ...Object.keys(linkMetrics),
  stateMetric,
  transportMetric,
]

/** A registry whose metrics show the tunnel's state at the moment they are scraped. Names begin with `prefix`; those of links have the labels `link` and `peer`. */
export function createTunnelMetrics(prefix: string, status: () => TunnelStatus): Registry {
  const registry = new Registry()
  registerProcessMetrics(registry)
  for (const [name, metric] of Object.entries(tunnelMetrics))
    add(registry, `${prefix}${name}`, metric, () => [{ labels: {}, status: status() }])
  for (const [name, metric] of Object.entries(linkMetrics))
    add(registry, `${prefix}${name}`, metric, () =>
      status().links.map((link) => ({ labels: { link: link.interface, peer: link.peer }, status: link })),
    )
  addState(registry, prefix, status)
  addTransport(registry, prefix, status)
  return registry
}

function add<Status>(
  registry: Registry,
  name: string,
  { kind, help, value }: Metric<Status>,
  read: () => readonly { readonly labels: Record<string, string>; readonly status: Status }[],
): void {
  const options = { name, help, labelNames: ['link', 'peer'], registers: [registry] }
  const values = () =>
    read().flatMap(({ labels, status }) => {
      const number = value(status)
      return number === undefined ? [] : [{ labels, number }]
    })
  if (kind === 'gauge') {
    new Gauge({
      ...options,
      collect() {
        this.reset()
        for (const { labels, number } of values()) this.set(labels, number)
      },
    })
    return
  }
  new Counter({
    ...options,
    collect() {
      this.reset()
      for (const { labels, number } of values()) this.inc(labels, number)
    },
  })
}

function addState(registry: Registry, prefix: string, status: () => TunnelStatus): void {
  new Gauge({
    name: `${prefix}${stateMetric}`,
    help: 'Always 1; the labels say what a link is and what is the matter.',
    labelNames: ['link', 'peer', 'implementation', 'role', 'reason'],
    registers: [registry],
    collect() {
      this.reset()
      for (const { interface: link, peer, implementation, role, reason } of status().links)
        this.set({ link, peer, implementation, role, reason }, 1)
    },
  })
}

function addTransport(registry: Registry, prefix: string, status: () => TunnelStatus): void {
  new Gauge({
    name: `${prefix}${transportMetric}`,
    help: 'Always 1; the label says how datagrams travel: straight by UDP, or inside TLS since UDP brings no answer.',
    labelNames: ['link', 'peer', 'transport'],
    registers: [registry],
    collect() {
      this.reset()
      for (const { interface: link, peer, transport } of status().links) this.set({ link, peer, transport }, 1)
    },
  })
}
