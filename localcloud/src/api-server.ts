import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { describe, Failure, type FailureKind, isFailure } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import { createParser, type Parser } from '@trellis/foundation/schema'
import type { TSchema } from 'typebox'
import { type ApiAnswer, type ApiRoute, apiRoutes, parameterSchemas, type Services } from './api-routes.ts'
import { openApiDocument } from './openapi.ts'

/** Largest request body: user-data and everything around it fits many times. */
const bodyLimitBytes = 256 * 1024

const statusOf: Readonly<Record<FailureKind, number>> = {
  Invalid: 400,
  Unauthorized: 401,
  Forbidden: 403,
  Exhausted: 403,
  NotFound: 404,
  Conflict: 409,
  Gone: 410,
  Throttled: 429,
  Unimplemented: 501,
  Unavailable: 503,
  Timeout: 504,
}

/** What answering needs beside the services. `authorize` throws `Unauthorized` when the request may not pass. */
export interface ApiServerOptions {
  readonly log: Log
  readonly services: Services
  readonly authorize?: (request: IncomingMessage) => void
}

/** A listener that serves the whole API. Every error is answered as `{"error": …}` with a fitting status. */
export function createApiListener({ log, services, authorize }: ApiServerOptions): RequestListener {
  const routes = apiRoutes.map(compile)
  const document = openApiDocument()
  const answer = async (request: IncomingMessage): Promise<ApiAnswer> => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    authorize?.(request)
    if (url.pathname === '/openapi.json' && request.method === 'GET') return { status: 200, body: document }
    const { route, parameters } = routeFor(routes, request.method ?? 'GET', url.pathname)
    for (const [name, value] of Object.entries(parameters)) parameterParsers[name]?.parse({ [name]: value })
    const body = route.parser === undefined ? undefined : route.parser.parse(parseBody(await readBody(request)))
    const query = url.searchParams
    refuseUnknownQuery(route.route, query)
    const selection = {
      tags: query.getAll('tag'),
      name: query.get('name') ?? undefined,
      network: query.get('network') ?? undefined,
    }
    return await route.route.handle(services, { parameters, selection, lines: parseLines(query.get('lines')), body })
  }
  return (request, response) => {
    answer(request).then(
      (answered) => send(response, answered),
      (error: unknown) => {
        if (!isFailure(error))
          log.error({ method: request.method, url: request.url, error: describe(error) }, 'a request failed')
        send(response, errorAnswer(error))
      },
    )
  }
}

/** What is answered to an error. Anything but a failure is a fault of ours and told without detail. */
export function errorAnswer(error: unknown): ApiAnswer {
  if (!isFailure(error)) {
    const message = 'the cloud failed at this request; its log says why'
    return { status: 500, body: { error: { kind: 'Unavailable', message } } }
  }
  const { kind, field, remedy } = error
  const cause = error.cause === undefined ? '' : `: ${describe(error.cause)}`
  const detail = { ...(field === undefined ? {} : { field }), ...(remedy === undefined ? {} : { remedy }) }
  return { status: statusOf[kind], body: { error: { kind, message: `${error.message}${cause}`, ...detail } } }
}

interface CompiledRoute {
  readonly route: ApiRoute
  readonly pattern: RegExp
  readonly parser: Pick<Parser<unknown>, 'parse'> | undefined
}

function compile(route: ApiRoute): CompiledRoute {
  const pattern = new RegExp(`^${route.path.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`)
  return { route, pattern, parser: route.body === undefined ? undefined : createBodyParser(route.body) }
}

/** A parser whose failures say what the field is for, when its schema does. */
function createBodyParser(schema: TSchema): Pick<Parser<unknown>, 'parse'> {
  const parser = createParser(schema, 'request')
  const properties = (schema as { properties?: Record<string, { description?: string }> }).properties ?? {}
  return {
    parse: (input) => {
      try {
        return parser.parse(input)
      } catch (error) {
        if (!isFailure(error, 'Invalid') || error.field === undefined) throw error
        const remedy = properties[error.field]?.description ?? `known fields are ${Object.keys(properties).join(', ')}`
        throw new Failure('Invalid', error.message, { field: error.field, remedy })
      }
    },
  }
}

const parameterParsers: Readonly<Record<string, Parser<unknown>>> = Object.fromEntries(
  Object.entries(parameterSchemas).map(([name, schema]) => [
    name,
    createParser({ type: 'object', required: [name], properties: { [name]: schema } }, 'path'),
  ]),
)

function routeFor(routes: readonly CompiledRoute[], method: string, path: string) {
  const fitting = routes.flatMap((route) => {
    const match = route.pattern.exec(path)
    return match === null ? [] : [{ route, groups: match.groups ?? {} }]
  })
  const found = fitting.find(({ route }) => route.route.method === method)
  if (found === undefined) {
    const methods = fitting.map(({ route }) => route.route.method).join(', ')
    throw new Failure('NotFound', `there is no ${method} ${path}`, {
      remedy: methods === '' ? 'see /openapi.json' : `it knows ${methods}`,
    })
  }
  const parameters = Object.fromEntries(Object.entries(found.groups).map(([key, value]) => [key, decode(value)]))
  return { route: found.route, parameters }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Failure('Invalid', `${text} is not well encoded`, { field: 'path' })
  }
}

function refuseUnknownQuery(route: ApiRoute, query: URLSearchParams): void {
  const known: readonly string[] = route.query ?? []
  const unknown = [...query.keys()].find((key) => !known.includes(key))
  if (unknown === undefined) return
  const remedy = known.length === 0 ? 'leave it out' : `use ${known.join(', ')}`
  throw new Failure('Invalid', `there is no query parameter ${unknown} here`, { field: unknown, remedy })
}

function parseLines(text: string | null): number {
  const lines = text === null ? 200 : Number(text)
  if (Number.isInteger(lines) && lines >= 1 && lines <= 10_000) return lines
  throw new Failure('Invalid', `${text} is no number of lines`, { field: 'lines', remedy: 'use 1 to 10000' })
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > bodyLimitBytes) throw new Failure('Invalid', `the request is longer than ${bodyLimitBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Failure('Invalid', 'the request is not JSON', { cause: error })
  }
}

function send(response: ServerResponse, { status, body }: ApiAnswer): void {
  if (body === undefined) response.writeHead(status).end()
  else if (typeof body === 'string')
    response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(body)
  else response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
