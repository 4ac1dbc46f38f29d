import type { KubernetesObject } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import type { RateLimiter } from './rate-limit.ts'
import { failureOf, parseStatus } from './status.ts'
import type { HttpAnswer, HttpRequest, Transport } from './transport.ts'

/** Sends requests whose refusal is a `Failure` and whose answer is JSON. */
export interface Requests {
  /** The body of a successful answer. */
  text(request: Outgoing): Promise<HttpAnswer>
  /** The object in a successful answer. */
  object<Value>(request: Outgoing): Promise<Value>
}

/** A request as the client's methods form it. */
export interface Outgoing {
  readonly method: string
  readonly path: string
  readonly body?: unknown
  readonly contentType?: string
  readonly signal?: AbortSignal | undefined
  readonly timeoutMilliseconds?: number | undefined
}

/** Time for one request and its answer, longer than any admission webhook may take. */
const requestTimeoutMilliseconds = 35_000

/** One request as metrics see it. */
export interface RequestObservation {
  readonly method: string
  /** Host and port of the API server. */
  readonly host: string
  /** Status code; undefined when there was no answer. */
  readonly code: number | undefined
  readonly milliseconds: number
}

/** What requests need beside their transport. */
export interface RequestsOptions {
  readonly clock: Clock
  readonly userAgent: string
  readonly host: string
  readonly limiter?: RateLimiter | undefined
  readonly observe?: ((observation: RequestObservation) => void) | undefined
}

/** Makes the requests of one user agent over a transport. */
export function createRequests(transport: Transport, options: RequestsOptions): Requests {
  const { clock, host, observe } = options
  const send = async (outgoing: Outgoing): Promise<HttpAnswer> => {
    await options.limiter?.turn(outgoing.signal)
    const begin = clock.now()
    let code: number | undefined
    try {
      const answer = await transport.send(httpRequest(outgoing, options.userAgent))
      code = answer.status
      return answer
    } finally {
      observe?.({ method: outgoing.method, host, code, milliseconds: clock.now() - begin })
    }
  }
  const text = async (outgoing: Outgoing): Promise<HttpAnswer> => {
    const answer = await send(outgoing)
    if (answer.status < 200 || answer.status > 299) throw refusalOf(outgoing, answer)
    return answer
  }
  return {
    text,
    object: async <Value>(outgoing: Outgoing) => parseBody<Value>((await text(outgoing)).body, outgoing),
  }
}

/** The failure of an answer that is not a success. */
export function refusalOf(outgoing: Outgoing, answer: HttpAnswer): Failure {
  return failureOf({
    method: outgoing.method,
    path: outgoing.path,
    code: answer.status,
    status: parseStatus(answer.body),
    body: answer.body,
    retryAfterSeconds: answer.retryAfterSeconds,
  })
}

/** A request with its headers and its body as text. */
export function httpRequest(outgoing: Outgoing, userAgent: string): HttpRequest {
  const { body } = outgoing
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  return {
    method: outgoing.method,
    path: outgoing.path,
    headers: {
      accept: 'application/json',
      'user-agent': userAgent,
      ...(text === undefined
        ? {}
        : {
            'content-type': outgoing.contentType ?? 'application/json',
            'content-length': String(Buffer.byteLength(text)),
          }),
    },
    body: text,
    signal: outgoing.signal,
    timeoutMilliseconds: outgoing.timeoutMilliseconds ?? requestTimeoutMilliseconds,
  }
}

function parseBody<Value>(body: string, outgoing: Outgoing): Value {
  try {
    return JSON.parse(body) as Value
  } catch (error) {
    throw new Failure('Unavailable', `${outgoing.method} ${outgoing.path.split('?')[0]} was answered with no JSON`, {
      cause: error,
    })
  }
}

/** Items of built-in kinds come without their kind: a list names it once. */
export function withKind<Kind extends KubernetesObject>(item: Kind, apiVersion: string, kind: string): Kind {
  return item.kind === undefined || item.apiVersion === undefined ? { ...item, apiVersion, kind } : item
}
