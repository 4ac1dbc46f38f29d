import { request } from 'node:https'
import { Failure, type FailureKind } from '@trellis/foundation/failure'
import type { Access } from './render/kubeconfig.ts'

/** A request to the API server. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  readonly path: string
  readonly body?: unknown
  /** `application/json` unless told. */
  readonly contentType?: string
  readonly signal?: AbortSignal
}

/** One change that a watch tells about. */
export interface WatchEvent<Kind> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  readonly object: Kind
}

/** The few calls that the agent makes to an API server. Every failure is folded into a `Failure`. */
export interface ApiClient {
  /** Sends one request and reads its JSON answer; gives up after 15 seconds. */
  call<Answer>(call: ApiRequest): Promise<Answer>
  /** Calls `onEvent` for each event of a watch, until the server ends it or the signal aborts. */
  watch<Kind>(path: string, onEvent: (event: WatchEvent<Kind>) => void, signal: AbortSignal): Promise<void>
}

const timeoutMilliseconds = 15_000

/** A watch on which the server is silent for so long is taken for dead. */
const watchTimeoutMilliseconds = 330_000

/** Reads credentials anew for every request: the kubelet replaces its certificate while we run. */
export type AccessSource = () => Promise<Access>

/** A client over plain HTTPS. The server's certificate is always checked. */
export function createApiClient(source: AccessSource): ApiClient {
  return {
    call: async <Answer>(call: ApiRequest) => {
      const chunks: string[] = []
      await send(await source(), call, timeoutMilliseconds, (text) => chunks.push(text))
      return JSON.parse(chunks.join('') || 'null') as Answer
    },
    watch: async <Kind>(path: string, onEvent: (event: WatchEvent<Kind>) => void, signal: AbortSignal) => {
      let rest = ''
      await send(await source(), { method: 'GET', path, signal }, watchTimeoutMilliseconds, (text) => {
        const lines = (rest + text).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) if (line !== '') onEvent(JSON.parse(line) as WatchEvent<Kind>)
      })
    },
  }
}

function send(
  access: Access,
  call: ApiRequest,
  idleMilliseconds: number,
  onText: (text: string) => void,
): Promise<void> {
  const body = call.body === undefined ? undefined : JSON.stringify(call.body)
  return new Promise((resolve, reject) => {
    const outgoing = request(
      new URL(call.path, access.server),
      {
        method: call.method,
        ca: access.certificateAuthority,
        cert: access.certificate,
        key: access.key,
        agent: false,
        signal: call.signal,
        timeout: idleMilliseconds,
        headers: headers(access, call, body),
      },
      (response) => {
        const good = (response.statusCode ?? 500) < 300
        const refused: string[] = []
        response.setEncoding('utf8')
        response.on('data', (text: string) => {
          if (!good) refused.push(text)
          else attempt(() => onText(text), reject)
        })
        response.on('error', (error) => reject(unreachable(access, error)))
        response.on('end', () => (good ? resolve() : reject(refusal(call, response.statusCode ?? 0, refused.join('')))))
      },
    )
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')))
    outgoing.on('error', (error) => reject(call.signal?.aborted ? call.signal.reason : unreachable(access, error)))
    outgoing.end(body)
  })
}

function attempt(work: () => void, onError: (error: unknown) => void): void {
  try {
    work()
  } catch (error) {
    onError(error)
  }
}

function headers(access: Access, call: ApiRequest, body: string | undefined): Record<string, string> {
  return {
    accept: 'application/json',
    'user-agent': 'trellis-node-agent',
    ...(access.token === undefined ? {} : { authorization: `Bearer ${access.token}` }),
    ...(body === undefined
      ? {}
      : { 'content-type': call.contentType ?? 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
  }
}

function unreachable(access: Access, error: Error): Failure {
  return new Failure('Unavailable', `${access.server} does not answer`, { cause: error })
}

const kinds: Readonly<Record<number, FailureKind>> = {
  400: 'Invalid',
  401: 'Unauthorized',
  403: 'Unauthorized',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Gone',
  422: 'Invalid',
  429: 'Throttled',
}

function refusal(call: ApiRequest, status: number, text: string): Failure {
  const message = parseMessage(text) ?? `status ${status}`
  return new Failure(kinds[status] ?? 'Unavailable', `${call.method} ${call.path.split('?')[0]}: ${message}`)
}

function parseMessage(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { message?: string }).message
  } catch {
    return undefined
  }
}
