import { constants } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Clock } from '@trellis/foundation/clock'
import type { Log } from '@trellis/foundation/log'
import type { Cidr } from 'node-wireguard/address'
import type { Resolve } from 'node-wireguard/endpoint'
import type { Registry } from 'prom-client'
import { keepaliveMilliseconds } from './dial.ts'
import type { Identity } from './identity.ts'
import { createHttpConnectMetrics, type HttpConnectMetrics } from './metrics.ts'
import { openStream, refuse } from './open-stream.ts'
import { createStreams } from './streams.ts'

/** What the endpoint needs and is told. */
export interface HttpConnectOptions {
  readonly clock: Clock
  readonly log: Log
  readonly resolve: Resolve
  readonly host: string
  /** 0 picks one. */
  readonly port: number
  readonly identity: Identity
  /** What may be reached; nothing else is. */
  readonly networks: readonly Cidr[]
  readonly connectMilliseconds: number
  /** Whoever has not shown his certificate within this time, or after that not said what he wants, is sent away. */
  readonly introductionMilliseconds: number
  /** Streams on which nothing came or went for so long are broken; none when undefined. */
  readonly idleMilliseconds: number | undefined
  readonly drainMilliseconds: number
  /** Connections beyond this number are closed as they come. */
  readonly maximumStreams: number
}

/** A running endpoint. */
export interface HttpConnect extends AsyncDisposable {
  readonly port: number
  readonly registry: Registry
  /** Whether it is stopping: streams go on for a while, new ones are refused. */
  draining(): boolean
  openStreams(): number
  /** Takes another identity for all connections that come from now on. */
  use(identity: Identity): void
  /** Counts files that could not be taken. */
  refusedIdentity(): void
}

/** A request to connect has a line and a few headers. */
const maximumHeaderBytes = 8192

/**
 * Starts an HTTP proxy that speaks CONNECT alone, over TLS 1.2 or later, to callers that have a certificate of the authority: the `HTTPConnect` proxy of an API server's egress configuration.
 * Each stream is a connection of its own. Disposing refuses what is new, lets open streams end for `drainMilliseconds`, then breaks the others.
 */
export async function startHttpConnect(options: HttpConnectOptions): Promise<HttpConnect> {
  const streams = createStreams(options.idleMilliseconds)
  let { identity } = options
  const metrics = createHttpConnectMetrics(() => ({
    open: streams.count(),
    bytes: streams.bytes(),
    certificateExpiry: identity.expiry,
  }))
  const server = createHttpsServer(options)
  const clients = keepClients(server)
  let draining = false
  server.on('connect', (request: IncomingMessage, client: Socket, head: Buffer) => {
    if (draining) refuse(metrics, client, 'draining')
    else void openStream({ ...options, metrics, streams }, client, request.url ?? '', head)
  })
  refuseOthers(server, clients, metrics)
  server.listen(options.port, options.host)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    registry: metrics.registry,
    draining: () => draining,
    openStreams: () => streams.count(),
    use: (next) => {
      server.setSecureContext(contextOf(next))
      identity = next
      metrics.reloaded('taken')
    },
    refusedIdentity: () => metrics.reloaded('refused'),
    [Symbol.asyncDispose]: async () => {
      draining = true
      await drain(server, clients, options)
    },
  }
}

function createHttpsServer({ identity, introductionMilliseconds, maximumStreams }: HttpConnectOptions): Server {
  const server = createServer({
    ...contextOf(identity),
    requestCert: true,
    rejectUnauthorized: true,
    handshakeTimeout: introductionMilliseconds,
    headersTimeout: introductionMilliseconds,
    requestTimeout: introductionMilliseconds,
    // How often late requests are looked for.
    connectionsCheckingInterval: introductionMilliseconds / 5,
    maxHeaderSize: maximumHeaderBytes,
  })
  server.maxConnections = maximumStreams
  return server
}

/** Sessions are not resumed: a caller whose authority is trusted no more would come in by an old one. */
function contextOf({ certificate, key, clientAuthority }: Identity) {
  return {
    cert: certificate,
    key,
    ca: clientAuthority,
    minVersion: 'TLSv1.2' as const,
    secureOptions: constants.SSL_OP_NO_TICKET,
  }
}

function keepClients(server: Server): ReadonlySet<Socket> {
  const clients = new Set<Socket>()
  server.on('secureConnection', (client) => {
    // Only now: as an option of the server it would keep connections open whose handshake the caller has broken off.
    client.allowHalfOpen = true
    client.setNoDelay(true)
    client.setKeepAlive(true, keepaliveMilliseconds)
    clients.add(client)
    client.once('close', () => clients.delete(client))
  })
  return clients
}

function refuseOthers(server: Server, clients: ReadonlySet<Socket>, metrics: HttpConnectMetrics): void {
  server.on('request', ({ socket }: IncomingMessage) => refuse(metrics, socket, 'method'))
  server.on('clientError', ({ code }: NodeJS.ErrnoException, client) => {
    const socket = client as Socket
    // Node hands on what failed before the end of the handshake too, where nothing can be answered, and leaves it open.
    if (clients.has(socket)) refuse(metrics, socket, code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'silent' : 'malformed')
    else socket.destroy()
  })
  server.on('tlsClientError', () => metrics.failed('handshake'))
  server.on('drop', () => metrics.failed('limit'))
}

async function drain(server: Server, clients: ReadonlySet<Socket>, options: HttpConnectOptions): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  const timer = options.clock.setTimer(options.drainMilliseconds, () => {
    options.log.info({ streams: clients.size }, 'streams that did not end in time are broken')
    for (const client of clients) client.destroy()
  })
  await closed
  timer.cancel()
}
