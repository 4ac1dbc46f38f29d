import { request as ask, type IncomingHttpHeaders } from 'node:http'
import { describe } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { MetadataExchange, MetadataListenerOptions } from './metadata-server.ts'
import type { ServerRecord } from './records.ts'

/** Who asks, for whoever answers in this cloud's stead. A guest cannot set them: what it sends under these names is dropped. */
export const instanceHeader = 'x-instance-id'
export const addressHeader = 'x-forwarded-for'

/** The methods of all known metadata services: OpenStack's takes nothing else, EC2's gives tokens to PUT. */
const methods: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD', 'PUT'])

const answerMilliseconds = 10_000

/** Headers of one connection, which mean nothing on the next. */
const connectionHeaders = ['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'te', 'trailer', 'expect']

/**
 * Hands questions of servers to another metadata service and its answers back, unchanged. Bodies of questions are dropped: no metadata service reads any.
 * What cannot be answered is 502, and 504 after 10 s.
 */
export function createMetadataForwarder(log: Log): MetadataListenerOptions['forward'] {
  return (url, server, exchange) => forward(log, new URL(exchange.request.url ?? '/', url), server, exchange)
}

function forward(log: Log, target: URL, server: ServerRecord, { request, response }: MetadataExchange): void {
  request.resume()
  const { method } = request
  if (!methods.has(method)) {
    response.writeHead(405, { allow: [...methods].join(', ') }).end()
    return
  }
  const fail = (status: number, message: string) => {
    log.warn({ server: server.id, path: target.pathname, message }, 'instance metadata could not be had')
    if (response.headersSent) response.destroy()
    else response.writeHead(status, { 'content-type': 'text/plain' }).end('the metadata service does not answer\n')
  }
  const headers = headersFor(request.headers, server)
  const outgoing = ask(target, { method, headers, timeout: answerMilliseconds }, (incoming) => {
    response.writeHead(incoming.statusCode ?? 502, withoutConnection(incoming.headers))
    incoming.pipe(response)
    incoming.on('error', (error) => fail(502, describe(error)))
  })
  outgoing.on('timeout', () => {
    fail(504, 'no answer in time')
    outgoing.destroy()
  })
  outgoing.on('error', (error) => {
    if (!response.writableEnded) fail(502, describe(error))
  })
  response.on('close', () => outgoing.destroy())
  outgoing.end()
}

/** The guest's headers, and who it is. */
export function headersFor(headers: IncomingHttpHeaders, { id, privateAddress }: ServerRecord): IncomingHttpHeaders {
  const { host: _host, 'content-length': _length, ...own } = withoutConnection(headers)
  return { ...own, [instanceHeader]: id, [addressHeader]: privateAddress }
}

function withoutConnection(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !connectionHeaders.includes(name)))
}
