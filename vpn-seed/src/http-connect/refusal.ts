import { STATUS_CODES } from 'node:http'

/** Why no stream was opened, as metrics call it. `limit`, `handshake` and `abandoned` are never answered: there is nobody to answer. */
export const refusalReasons = [
  'malformed',
  'method',
  'silent',
  'forbidden',
  'unresolved',
  'refused',
  'unreachable',
  'timeout',
  'exhausted',
  'draining',
  'limit',
  'handshake',
  'abandoned',
] as const

/** One of the reasons. */
export type RefusalReason = (typeof refusalReasons)[number]

interface Answer {
  readonly status: number
  readonly sentence: string
}

const answers: Readonly<Partial<Record<RefusalReason, Answer>>> = {
  malformed: { status: 400, sentence: 'the destination must be host:port' },
  method: { status: 405, sentence: 'only CONNECT is served here' },
  silent: { status: 408, sentence: 'no request has come' },
  forbidden: { status: 403, sentence: 'the destination is in none of the networks of the shoot' },
  unresolved: { status: 502, sentence: 'the name of the destination does not resolve' },
  refused: { status: 502, sentence: 'the destination refuses connections on this port' },
  unreachable: { status: 502, sentence: 'there is no way to the destination' },
  timeout: { status: 504, sentence: 'the destination does not answer' },
  exhausted: { status: 503, sentence: 'no more connections can be opened' },
  draining: { status: 503, sentence: 'the endpoint is stopping' },
}

/**
 * The answer to a request that opens nothing, complete with its end. An API server shows its users the status line and nothing of the body, so the reason stands there too;
 * it is a constant sentence: nothing of the request comes back in it.
 */
export function refusalText(reason: RefusalReason): string {
  const { status, sentence } = answers[reason] ?? { status: 500, sentence: 'the stream cannot be opened' }
  const body = `${sentence}\n`
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}: ${sentence}`,
    'Content-Type: text/plain',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(reason === 'method' ? ['Allow: CONNECT'] : []),
    'Connection: close',
    '',
    body,
  ].join('\r\n')
}

const reasonsByCode: Readonly<Record<string, RefusalReason>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'refused',
  ETIMEDOUT: 'timeout',
  EMFILE: 'exhausted',
  ENFILE: 'exhausted',
  ENOBUFS: 'exhausted',
  ENOMEM: 'exhausted',
  EADDRNOTAVAIL: 'exhausted',
}

/** What an error of connecting means, by its code. */
export function reasonOf(error: unknown): RefusalReason {
  const code = (error as { readonly code?: unknown } | undefined)?.code
  return (typeof code === 'string' ? reasonsByCode[code] : undefined) ?? 'unreachable'
}
