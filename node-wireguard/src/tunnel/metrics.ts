import { registerProcessMetrics } from '@trellis/foundation/process-metrics'
import { Counter, Gauge, Registry } from 'prom-client'
import type { TunnelStatus } from './status.ts'

/** A registry whose metrics show the tunnel's state at the moment they are scraped. Names begin with `prefix`. */
export function createTunnelMetrics(prefix: string, status: () => TunnelStatus): Registry {
  const registry = new Registry()
  registerProcessMetrics(registry)
  const gauge = (name: string, help: string, value: (status: TunnelStatus) => number | undefined) =>
    new Gauge({
      name: `${prefix}${name}`,
      help,
      registers: [registry],
      collect() {
        const number = value(status())
        if (number === undefined) this.reset()
        else this.set(number)
      },
    })
  const counter = (name: string, help: string, value: (status: TunnelStatus) => number) =>
    new Counter({
      name: `${prefix}${name}`,
      help,
      registers: [registry],
      collect() {
        this.reset()
        this.inc(value(status()))
      },
    })
  gauge('path_up', 'Whether the other end answers inside the tunnel.', (now) => Number(now.pathUp))
  gauge('configured', 'Whether device, addresses, routes and firewall are set up.', (now) => Number(now.configured))
  gauge('round_trip_seconds', 'Round trip of the last answered probe.', (now) =>
    now.rttMilliseconds === undefined ? undefined : now.rttMilliseconds / 1000,
  )
  gauge('loss_ratio', 'Part of the last probes that went unanswered.', (now) => now.lossRatio)
  gauge('last_handshake_timestamp_seconds', 'Instant of the last completed handshake.', (now) =>
    now.lastHandshake === undefined ? undefined : Date.parse(now.lastHandshake) / 1000,
  )
  gauge('mtu_bytes', 'Largest packet that the interface takes.', (now) => now.mtu)
  counter('received_bytes_total', 'Bytes received from the other end.', (now) => now.rxBytes)
  counter('sent_bytes_total', 'Bytes sent to the other end.', (now) => now.txBytes)
  counter('repairs_total', 'Times that the peer was added anew because probes went unanswered.', (now) => now.repairs)
  counter('device_restarts_total', 'Times that the userspace device was started again.', (now) => now.restarts)
  addState(registry, prefix, status)
  return registry
}

function addState(registry: Registry, prefix: string, status: () => TunnelStatus): void {
  new Gauge({
    name: `${prefix}state`,
    help: 'Always 1; the labels say what the tunnel is and what is the matter.',
    labelNames: ['interface', 'implementation', 'role', 'reason'],
    registers: [registry],
    collect() {
      const now = status()
      this.reset()
      this.set({ interface: now.interface, implementation: now.implementation, role: now.role, reason: now.reason }, 1)
    },
  })
}
