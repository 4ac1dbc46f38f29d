import { type IncomingMessage, Agent as PlainAgent, request as plainRequest, type RequestOptions } from 'node:http'
import { Agent as SecureAgent, request as secureRequest } from 'node:https'
import { createSecureContext } from 'node:tls'
import type { Clock } from '@trellis/foundation/clock'
import { Failure, isFailure } from '@trellis/foundation/failure'
import type { Credentials, Identity } from './credentials.ts'

/** One request to an API server. */
export interface HttpRequest {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** For the answer to begin and, unless it is streamed, to be complete. */
  readonly timeoutMilliseconds: number
}

/** An answer read to its end. */
export interface HttpAnswer {
  readonly status: number
  readonly retryAfterSeconds?: number | undefined
  readonly body: string
}

/** An answer whose body is still arriving. Destroying the body drops the connection. */
export interface HttpStream {
  readonly status: number
  readonly body: IncomingMessage
}

/** Connections to one API server, kept alive between requests. Every fault is thrown as `Unavailable`, an abort as the signal's reason. */
export interface Transport extends Disposable {
  send(request: HttpRequest): Promise<HttpAnswer>
  /** Resolves as soon as the status is known. */
  open(request: HttpRequest): Promise<HttpStream>
}

/** Where a transport leads. */
export interface TransportTarget {
  readonly server: string
  readonly skipTlsVerify: boolean
  readonly tlsServerName?: string | undefined
}

/** Idle connections kept for the next request: about as many as a busy controller uses at a time, since a handshake costs more than a request. */
const idleConnections = 32
/** Silence after which the kernel asks whether the peer is still there. */
const keepAliveMilliseconds = 15_000

/** Makes a transport; nothing is connected before the first request. */
export function createTransport(clock: Clock, target: TransportTarget, credentials: Credentials): Transport {
  const url = new URL(target.server)
  const prefix = url.pathname.replace(/\/$/, '')
  const agents = createAgents(url.protocol === 'https:', target)

  const begin = async (request: HttpRequest): Promise<HttpStream> => {
    const identity = await credentials.current()
    // Only now: an abort that came before the listener below is added would never be heard.
    request.signal?.throwIfAborted()
    const options = {
      agent: agents.for(identity),
      method: request.method,
      protocol: url.protocol,
      hostname: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? undefined : url.port,
      path: `${prefix}${request.path}`,
      headers: { ...identity.headers, ...request.headers },
    }
    return exchange(clock, url.protocol === 'https:' ? secureRequest : plainRequest, options, request)
  }

  const open = async (request: HttpRequest): Promise<HttpStream> => {
    const first = await beginOnFreshConnection(begin, request)
    if (first.status !== 401 || !credentials.refused()) return first
    first.body.destroy()
    return begin(request)
  }

  return {
    open,
    send: (request) => withDeadline(clock, request, async (signal) => readAll(await open({ ...request, signal }))),
    [Symbol.dispose]: () => agents.destroy(),
  }
}

/** The server may close a kept connection just as we write to it. A read can simply be sent again; what it was is thrown for all else. */
async function beginOnFreshConnection(
  begin: (request: HttpRequest) => Promise<HttpStream>,
  request: HttpRequest,
): Promise<HttpStream> {
  try {
    return await begin(request)
  } catch (error) {
    if (request.method !== 'GET' || !staleConnections.has(error as object)) throw error
    return begin(request)
  }
}

/** Failures of requests that went out on a connection which had served before. */
const staleConnections = new WeakSet<object>()

type Starter = (options: RequestOptions) => ReturnType<typeof plainRequest>

function exchange(clock: Clock, start: Starter, options: RequestOptions, request: HttpRequest): Promise<HttpStream> {
  return new Promise((resolve, reject) => {
    const outgoing = start(options)
    const what = `${request.method} ${request.path.split('?')[0]} at ${options.hostname}:${options.port ?? ''}`
    const onAbort = () => outgoing.destroy()
    const timer = clock.setTimer(
      request.timeoutMilliseconds,
      () => {
        reject(new Failure('Unavailable', `${what}: no answer within ${request.timeoutMilliseconds} ms`))
        outgoing.destroy()
      },
      { unref: true },
    )
    const settle = () => timer.cancel()
    request.signal?.addEventListener('abort', onAbort, { once: true })
    outgoing.once('close', () => {
      settle()
      request.signal?.removeEventListener('abort', onAbort)
    })
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      settle()
      if (request.signal?.aborted) {
        reject(request.signal.reason)
        return
      }
      const failure = connectionFailure(what, error)
      if (outgoing.reusedSocket && /^(ECONNRESET|EPIPE)$/.test(error.code ?? '')) staleConnections.add(failure)
      reject(failure)
    })
    outgoing.once('response', (response) => {
      settle()
      resolve({ status: response.statusCode ?? 0, body: response })
    })
    outgoing.end(request.body)
  })
}

/** Folds whatever a socket, a TLS handshake or an HTTP parser throws. */
export function connectionFailure(what: string, error: unknown): Failure {
  if (isFailure(error)) return error
  const code = (error as NodeJS.ErrnoException).code ?? ''
  const untrusted = /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS/.test(code)
  return new Failure('Unavailable', `${what}: the connection failed`, {
    cause: error,
    ...(untrusted ? { remedy: 'check certificate-authority and tls-server-name in the kubeconfig' } : {}),
  })
}

async function readAll(stream: HttpStream): Promise<HttpAnswer> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of stream.body) chunks.push(chunk as Buffer)
  } catch (error) {
    throw connectionFailure('the answer broke off', error)
  }
  const retryAfter = Number(stream.body.headers['retry-after'])
  return {
    status: stream.status,
    retryAfterSeconds: Number.isFinite(retryAfter) ? retryAfter : undefined,
    body: Buffer.concat(chunks).toString(),
  }
}

/** Bounds the whole of a request, answer included. */
async function withDeadline<Value>(
  clock: Clock,
  request: HttpRequest,
  work: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const late = new AbortController()
  const timer = clock.setTimer(
    request.timeoutMilliseconds,
    () =>
      late.abort(
        new Failure(
          'Unavailable',
          `${request.method} ${request.path.split('?')[0]}: no complete answer within ${request.timeoutMilliseconds} ms`,
        ),
      ),
    { unref: true },
  )
  const signal = request.signal === undefined ? late.signal : AbortSignal.any([request.signal, late.signal])
  try {
    return await work(signal)
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  } finally {
    timer.cancel()
  }
}

interface Agents {
  for(identity: Identity): PlainAgent
  destroy(): void
}

/** One pool of connections per client certificate and CA; a rotated one begins a new pool and lets the old one run dry. */
function createAgents(secure: boolean, target: TransportTarget): Agents {
  const pooling = { keepAlive: true, keepAliveMsecs: keepAliveMilliseconds, maxFreeSockets: idleConnections }
  let current: { readonly identity: string; readonly agent: PlainAgent } | undefined
  return {
    for: (identity) => {
      const { certificateAuthority, clientCertificate, clientKey } = identity
      const name = JSON.stringify([certificateAuthority, clientCertificate, clientKey])
      if (current?.identity === name) return current.agent
      const agent = secure
        ? new SecureAgent({
            ...pooling,
            // Made once: by itself every connection would read all certificates anew.
            secureContext: createSecureContext({ ca: certificateAuthority, cert: clientCertificate, key: clientKey }),
            rejectUnauthorized: !target.skipTlsVerify,
            servername: target.tlsServerName,
          })
        : new PlainAgent(pooling)
      current = { identity: name, agent }
      return agent
    },
    destroy: () => current?.agent.destroy(),
  }
}
