import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '@trellis/foundation/clock'
import type { Log } from '@trellis/foundation/log'
import type { Cidr } from 'node-wireguard/address'
import type { Resolve } from 'node-wireguard/endpoint'
import { findDestination } from './destination.ts'
import { dial } from './dial.ts'
import type { HttpConnectMetrics } from './metrics.ts'
import { type RefusalReason, refusalText } from './refusal.ts'
import type { Streams } from './streams.ts'

/** What opening streams needs. */
export interface OpenStreamPorts {
  readonly clock: Clock
  readonly log: Log
  readonly resolve: Resolve
  readonly metrics: HttpConnectMetrics
  readonly streams: Streams
  /** What may be reached; nothing else is. */
  readonly networks: readonly Cidr[]
  /** For finding the destination and connecting to it together. */
  readonly connectMilliseconds: number
}

/** Answers a request to connect to `target`: by a stream, or by a refusal with its reason. Never rejects. */
export async function openStream(ports: OpenStreamPorts, client: Socket, target: string, head: Buffer): Promise<void> {
  const { clock, log, metrics } = ports
  const gone = new AbortController()
  const leave = () => gone.abort()
  client.on('error', leave)
  client.once('close', leave)
  const began = clock.now()
  const result = await reach(ports, target, gone.signal)
  const refused = typeof result === 'string' ? result : undefined
  metrics.dialled((clock.now() - began) / 1000, refused ?? 'opened')
  client.off('close', leave)
  if (typeof result !== 'string' && !client.destroyed) {
    metrics.opened()
    ports.streams.join(client, result, head)
    return
  }
  if (typeof result !== 'string') result.destroy()
  const reason = refused ?? 'abandoned'
  log.info({ destination: target, reason, caller: callerOf(client) }, 'a stream was not opened')
  refuse(ports.metrics, client, reason)
}

async function reach(ports: OpenStreamPorts, target: string, signal: AbortSignal): Promise<Socket | RefusalReason> {
  const { clock, connectMilliseconds } = ports
  const timeout = new AbortController()
  const timer = clock.setTimer(connectMilliseconds, () => timeout.abort(), { unref: true })
  const late = new Promise<{ readonly refused: 'timeout' }>((resolve) => {
    timeout.signal.addEventListener('abort', () => resolve({ refused: 'timeout' }), { once: true })
  })
  try {
    // A resolver cannot be stopped, only left behind.
    const destination = await Promise.race([findDestination(target, ports.networks, ports.resolve), late])
    if ('refused' in destination) return destination.refused
    const result = await dial(destination, AbortSignal.any([signal, timeout.signal]))
    if (typeof result !== 'string') return result
    if (signal.aborted) return 'abandoned'
    return timeout.signal.aborted ? 'timeout' : result
  } finally {
    timer.cancel()
  }
}

/** Answers that nothing is opened, and hangs up. */
export function refuse(metrics: HttpConnectMetrics, client: Socket, reason: RefusalReason): void {
  metrics.failed(reason)
  client.on('error', () => {})
  client.end(refusalText(reason))
  // When the answer is out, whatever the caller goes on to say.
  client.destroySoon()
}

/** The name in a caller's certificate, which is no secret. */
function callerOf(client: Socket): string | undefined {
  const name: unknown = (client as TLSSocket).getPeerX509Certificate?.()?.subject
  return typeof name === 'string' ? name : undefined
}
