import { Agent as PlainAgent, request as plainRequest } from 'node:http'
import { Agent as SecureAgent, request as secureRequest } from 'node:https'
import { getCACertificates } from 'node:tls'
import { Failure, isFailure } from '@trellis/foundation/failure'
import type { OpenStackCredentials } from './credentials.ts'

/** One HTTP request. */
export interface HttpRequest {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly signal?: AbortSignal
}

/** Its answer, whatever its status. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly text: string
}

/** Exchanges over connections that are kept open. Rejects with `Unavailable`, `Timeout`, or the signal's reason. */
export interface HttpExchange extends Disposable {
  (request: HttpRequest): Promise<HttpAnswer>
}

/** What TLS is to be like. */
export type TlsSettings = Pick<OpenStackCredentials, 'caCert' | 'client' | 'insecure'>

const usualSilenceMilliseconds = 60_000
const answerLimitBytes = 64 * 1024 * 1024

/**
 * An exchange of a set of credentials. Certificates are checked against the system's authorities and `caCert`, unless `insecure` says otherwise. Redirections are not followed: a token goes
 * nowhere but to the addresses of the catalogue. Proxies are those of `environment` (`HTTPS_PROXY`, `NO_PROXY` and so on), as the reference has it.
 */
export function createHttpExchange(
  tls: TlsSettings,
  environment: Readonly<Record<string, string | undefined>>,
  silenceMilliseconds = usualSilenceMilliseconds,
): HttpExchange {
  const shared = { keepAlive: true, maxSockets: 32, proxyEnv: { ...environment } }
  const agents = {
    'http:': new PlainAgent(shared),
    'https:': new SecureAgent({
      ...shared,
      rejectUnauthorized: !tls.insecure,
      ...(tls.caCert === undefined ? {} : { ca: [...getCACertificates(), tls.caCert] }),
      ...(tls.client === undefined ? {} : tls.client),
    }),
  }
  const exchange = (request: HttpRequest) => perform(agents, request, silenceMilliseconds)
  return Object.assign(exchange, {
    [Symbol.dispose]: () => {
      for (const agent of Object.values(agents)) agent.destroy()
    },
  })
}

function perform(
  agents: Readonly<Record<'http:' | 'https:', PlainAgent>>,
  { method, url, headers, body, signal }: HttpRequest,
  silenceMilliseconds: number,
): Promise<HttpAnswer> {
  const protocol = url.protocol === 'http:' ? 'http:' : 'https:'
  const send = protocol === 'http:' ? plainRequest : secureRequest
  const content = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
  const options = {
    method,
    agent: agents[protocol],
    timeout: silenceMilliseconds,
    headers: {
      ...headers,
      accept: 'application/json',
      ...(content === undefined ? {} : { 'content-type': 'application/json', 'content-length': content.length }),
    },
    ...(signal === undefined ? {} : { signal }),
  }
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason)
      return
    }
    const fail = (error: unknown) => reject(signal?.aborted ? signal.reason : unreachable(method, url, error))
    const outgoing = send(url, options, (incoming) => {
      const chunks: Buffer[] = []
      let size = 0
      incoming.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > answerLimitBytes) outgoing.destroy(new Failure('Unavailable', 'the answer is too long'))
        else chunks.push(chunk)
      })
      incoming.on('error', fail)
      incoming.on('end', () =>
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          text: Buffer.concat(chunks).toString(),
        }),
      )
    })
    outgoing.on('timeout', () =>
      outgoing.destroy(new Failure('Timeout', `no answer for ${silenceMilliseconds / 1000} s`)),
    )
    outgoing.on('error', fail)
    outgoing.end(content)
  })
}

/** Names the place, never a header or a body. */
function unreachable(method: string, url: URL, cause: unknown): Failure {
  const kind = isFailure(cause, 'Timeout') ? 'Timeout' : 'Unavailable'
  const { code } = cause as NodeJS.ErrnoException
  const untrusted = code !== undefined && /CERT|SIGNATURE|ALTNAME|_CA_|SSL/.test(code)
  return new Failure(kind, `${url.origin} did not answer ${method} ${url.pathname}`, {
    cause,
    remedy: untrusted
      ? 'its certificate cannot be trusted: put the authority that signed it into caCert of the secret'
      : 'check authURL of the secret, and whether the address can be reached from here',
  })
}
