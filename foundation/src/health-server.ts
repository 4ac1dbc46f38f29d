import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Registry } from 'prom-client'
import { describe } from './failure.ts'

/** One question that a probe asks: undefined means well, a text says what is wrong. */
export type HealthCheck = () => string | undefined | Promise<string | undefined>

/** What the server answers. */
export interface HealthServerOptions {
  /** Address and port to listen on; port 0 picks one. */
  readonly host: string
  readonly port: number
  /** Asked at `/healthz`: a failure means that only a restart helps. */
  readonly live?: HealthCheck
  /** Asked at `/readyz`: a failure means not yet, or not now. */
  readonly ready?: HealthCheck
  /** Further questions, each asked at `/<its name>`. */
  readonly checks?: Readonly<Record<string, HealthCheck>>
  /** Printed at `/metrics`. */
  readonly metrics?: Registry
  /** Printed as JSON at `/status`. */
  readonly status?: () => unknown
  /** Further pages by path, as in `/configz`. */
  readonly pages?: Readonly<Record<string, Page>>
}

/** Makes one page, from the query of its address. What it throws is answered with 500 and its text. */
export type Page = (query: URLSearchParams) => PageContent | Promise<PageContent>

/** What a page shows. */
export interface PageContent {
  readonly type: string
  readonly body: string
}

/** A running health server. */
export interface HealthServer extends AsyncDisposable {
  readonly port: number
}

/** Starts a server that answers probes and metric scrapes over plain HTTP. */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    answer(new URL(request.url ?? '/', 'http://localhost'), options).then(
      ({ code, type, body }) => response.writeHead(code, { 'content-type': type }).end(body),
      () => response.writeHead(500).end(),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

interface Answer {
  readonly code: number
  readonly type: string
  readonly body: string
}

async function answer({ pathname: path, searchParams }: URL, options: HealthServerOptions): Promise<Answer> {
  if (path === '/healthz') return verdict(await options.live?.())
  if (path === '/readyz') return verdict(await options.ready?.())
  const name = path.slice(1)
  if (options.checks !== undefined && Object.hasOwn(options.checks, name))
    return verdict(await options.checks[name]?.())
  if (path === '/metrics' && options.metrics !== undefined) {
    return { code: 200, type: options.metrics.contentType, body: await options.metrics.metrics() }
  }
  if (path === '/status' && options.status !== undefined) {
    return { code: 200, type: 'application/json', body: JSON.stringify(options.status()) }
  }
  const page = options.pages !== undefined && Object.hasOwn(options.pages, path) ? options.pages[path] : undefined
  if (page !== undefined) return show(page, searchParams)
  return { code: 404, type: 'text/plain', body: 'not found\n' }
}

async function show(page: Page, query: URLSearchParams): Promise<Answer> {
  try {
    return { code: 200, ...(await page(query)) }
  } catch (error) {
    return { code: 500, type: 'text/plain', body: `${describe(error)}\n` }
  }
}

function verdict(problem: string | undefined): Answer {
  return problem === undefined
    ? { code: 200, type: 'text/plain', body: 'ok\n' }
    : { code: 503, type: 'text/plain', body: `${problem}\n` }
}
