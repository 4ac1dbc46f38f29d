import { type HealthServer, startHealthServer } from '@trellis/foundation/health-server'
import { createTunnelMetrics } from './metrics.ts'
import type { TunnelStatus } from './status.ts'

/** How a tunnel's state is shown. */
export interface TunnelServerOptions {
  readonly host: string
  readonly port: number
  readonly metricPrefix: string
  /** What `/readyz` asks: whether this end is set up, or whether some other end answers too. */
  readonly ready: 'configured' | 'path'
  readonly status: () => TunnelStatus
}

/**
 * Answers `/healthz` (this process lives: never a question of the other end), `/readyz`, `/tunnelz` (all other ends answer, or stand in for those that do not), `/status` and `/metrics`.
 */
export function startTunnelServer(options: TunnelServerOptions): Promise<HealthServer> {
  const { status } = options
  const problem = () => `${status().reason}: ${status().explanation}`
  const whole = () => (status().up ? undefined : problem())
  const path = () => (status().linksUp > 0 ? undefined : problem())
  const configured = () => (status().configured ? undefined : status().explanation)
  return startHealthServer({
    host: options.host,
    port: options.port,
    ready: options.ready === 'path' ? path : configured,
    checks: { tunnelz: whole },
    metrics: createTunnelMetrics(options.metricPrefix, status),
    status,
  })
}
