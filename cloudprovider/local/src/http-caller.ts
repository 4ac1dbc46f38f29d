import { Agent as PlainAgent, request as plainRequest, type RequestOptions } from 'node:http'
import { Agent as SecureAgent, request as secureRequest } from 'node:https'
import { Failure, type FailureKind, isFailure } from '@trellis/foundation/failure'

/** How to reach the cloud: its Unix socket on the host, or its HTTPS endpoint from anywhere inside the cloud. */
export type CloudAddress =
  | { readonly socketPath: string }
  | { readonly endpoint: string; readonly token: string; readonly caBundle: string }

/** An answer of the cloud that is not an error. */
export interface CloudAnswer {
  readonly status: number
  readonly text: string
}

/** One HTTP exchange with the cloud. Every fault is a `Failure`: the cloud's own kind, field and remedy, `Unavailable` when it cannot be reached, `Timeout` when it does not answer. */
export interface HttpCaller extends Disposable {
  call(method: string, path: string, body: unknown, signal: AbortSignal | undefined): Promise<CloudAnswer>
}

/** Longest silence on a connection before the call counts as failed. */
const usualSilenceMilliseconds = 30_000
const answerLimitBytes = 16 * 1024 * 1024

/** Makes a caller that keeps connections open between calls, without keeping the process alive for them. */
export function createHttpCaller(address: CloudAddress, silenceMilliseconds = usualSilenceMilliseconds): HttpCaller {
  const transport = { ...createTransport(address), silenceMilliseconds }
  return {
    call: (method, path, body, signal) => exchange({ transport, method, path, body, signal }),
    [Symbol.dispose]: () => transport.agent.destroy(),
  }
}

interface Transport {
  readonly request: typeof plainRequest
  readonly agent: PlainAgent
  readonly options: RequestOptions
  /** For error messages. */
  readonly where: string
  readonly silenceMilliseconds: number
}

function createTransport(address: CloudAddress): Omit<Transport, 'silenceMilliseconds'> {
  if ('socketPath' in address) {
    const agent = new PlainAgent({ keepAlive: true, maxSockets: 32 })
    return { request: plainRequest, agent, options: { socketPath: address.socketPath }, where: address.socketPath }
  }
  const url = parseEndpoint(address.endpoint)
  const agent = new SecureAgent({ keepAlive: true, maxSockets: 32, ca: address.caBundle })
  const options = {
    protocol: url.protocol,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 443 : Number(url.port),
    headers: { authorization: `Bearer ${address.token.trim()}` },
  }
  return { request: secureRequest, agent, options, where: url.origin }
}

function parseEndpoint(endpoint: string): URL {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (url?.protocol === 'https:') return url
  throw new Failure('Invalid', `the cloud's endpoint ${endpoint} is not an https address`, {
    field: 'endpoint',
    remedy: 'write it as https://ADDRESS:PORT',
  })
}

interface Exchange {
  readonly transport: Transport
  readonly method: string
  readonly path: string
  readonly body: unknown
  readonly signal: AbortSignal | undefined
}

function exchange({ transport, method, path, body, signal }: Exchange): Promise<CloudAnswer> {
  const content = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
  const headers = {
    ...transport.options.headers,
    accept: 'application/json',
    ...(content === undefined ? {} : { 'content-type': 'application/json', 'content-length': content.length }),
  }
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason)
      return
    }
    const fail = (error: unknown) =>
      reject(signal?.aborted ? signal.reason : unreachable(transport, method, path, error))
    const options = {
      ...transport.options,
      agent: transport.agent,
      method,
      path,
      headers,
      timeout: transport.silenceMilliseconds,
    }
    const outgoing = transport.request(signal === undefined ? options : { ...options, signal }, (incoming) => {
      const chunks: Buffer[] = []
      let size = 0
      incoming.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > answerLimitBytes) outgoing.destroy(new Failure('Unavailable', 'the answer is too long'))
        else chunks.push(chunk)
      })
      incoming.on('error', fail)
      incoming.on('end', () => {
        const answer = { status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString() }
        if (answer.status < 400) resolve(answer)
        else reject(failureOfAnswer(answer, incoming.headers['retry-after']))
      })
    })
    outgoing.on('timeout', () =>
      outgoing.destroy(new Failure('Timeout', `no answer for ${transport.silenceMilliseconds / 1000} s`)),
    )
    outgoing.on('error', fail)
    outgoing.end(content)
  })
}

function unreachable(transport: Transport, method: string, path: string, cause: unknown): Failure {
  const kind = isFailure(cause, 'Timeout') ? 'Timeout' : 'Unavailable'
  return new Failure(kind, `the cloud at ${transport.where} did not answer ${method} ${path}`, {
    cause,
    remedy: 'check that the localcloud daemon runs; its log is daemon.log in its state directory',
  })
}

const kinds: readonly FailureKind[] = [
  'NotFound',
  'Conflict',
  'Invalid',
  'Unauthorized',
  'Forbidden',
  'Exhausted',
  'Throttled',
  'Unavailable',
  'Timeout',
  'Gone',
  'Unimplemented',
]

const kindByStatus: Readonly<Record<number, FailureKind>> = {
  400: 'Invalid',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  408: 'Timeout',
  409: 'Conflict',
  410: 'Gone',
  413: 'Invalid',
  422: 'Invalid',
  429: 'Throttled',
  501: 'Unimplemented',
  504: 'Timeout',
}

/** Folds an error answer into a failure. The kind that the cloud names wins over the status code. */
export function failureOfAnswer(answer: CloudAnswer, retryAfter?: string): Failure {
  const told = parseError(answer.text)
  const kind = kinds.find((known) => known === told.kind) ?? kindByStatus[answer.status] ?? 'Unavailable'
  const text = (key: string) => {
    const value = told[key]
    return typeof value === 'string' ? { [key]: value } : {}
  }
  const seconds = Number(retryAfter)
  return new Failure(kind, String(told.message ?? `the cloud answered with status ${answer.status}`), {
    ...text('field'),
    ...text('remedy'),
    ...(retryAfter !== undefined && seconds > 0 ? { retryAfterMilliseconds: seconds * 1000 } : {}),
  })
}

function parseError(text: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(text)
    const error: unknown = (parsed as { error?: unknown } | null)?.error
    return typeof error === 'object' && error !== null ? (error as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
