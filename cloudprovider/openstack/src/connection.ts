import type { CallBudget } from '@trellis/cloudprovider/contract/call-budget'
import type { CallMetrics } from '@trellis/cloudprovider/contract/call-metrics'
import { Failure, isFailure } from '@trellis/foundation/failure'
import { failureOfAnswer } from './failures.ts'
import type { HttpAnswer, HttpExchange } from './http-exchange.ts'
import type { Login, Session } from './session.ts'

/** A call of one of the cloud's services. */
export interface ServiceCall {
  readonly method: string
  readonly url: string
  readonly query?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly signal?: AbortSignal
}

/** What a connection works with. */
export interface ConnectionOptions {
  readonly exchange: HttpExchange
  readonly session: Session
  readonly budget: CallBudget
  readonly metrics: CallMetrics
}

/** Carries calls out with the account's token. A token that is refused is replaced once. */
export interface Connection {
  /** The parsed body; undefined when there is none. A list is whole: further pages are fetched and joined. */
  send(call: ServiceCall): Promise<unknown>
  login(signal?: AbortSignal): Promise<Login>
}

/** Nova shows and takes tags of servers from 2.52 on (2017). Services that know no such header pass over it. */
const usualVersion = 'compute 2.52'

/** More pages than this are a service that turns in circles. */
const mostPages = 1000

/** Makes a connection; nothing is sent before the first call. */
export function createConnection({ exchange, session, budget, metrics }: ConnectionOptions): Connection {
  const sendWith = async (login: Login, call: ServiceCall, url: URL): Promise<HttpAnswer> => {
    metrics.called(nameOf(call.method, url))
    const headers = { 'openstack-api-version': usualVersion, ...call.headers, 'x-auth-token': login.token }
    const { method, body, signal } = call
    const request = { method, url, headers, ...(body === undefined || body === null ? {} : { body }) }
    return exchange(signal === undefined ? request : { ...request, signal })
  }
  const attempt = (login: Login, call: ServiceCall, url: URL) =>
    budget.spend(async () => refuse(await sendWith(login, call, url), nameOf(call.method, url)), call.signal)
  const sendOne = async (call: ServiceCall, url: URL): Promise<unknown> => {
    const login = await session.login(call.signal)
    try {
      return await attempt(login, call, url)
    } catch (error) {
      if (!isFailure(error, 'Unauthorized')) throw error
      session.discard(login)
      return attempt(await session.login(call.signal), call, url)
    }
  }
  return {
    login: session.login,
    send: async (call) => {
      const url = withQuery(call.url, call.query)
      const first = await sendOne(call, url)
      if (call.method !== 'GET') return first
      return joinPages(first, url, (next) => sendOne(call, next))
    },
  }
}

function withQuery(address: string, query: ServiceCall['query']): URL {
  const url = new URL(address)
  for (const [key, value] of Object.entries(query ?? {})) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined) url.searchParams.append(key, String(one))
    }
  }
  return url
}

/** The parsed body of an answer that is no error. */
function refuse(answer: HttpAnswer, what: string): unknown {
  const { status, text, headers } = answer
  if (status >= 200 && status < 300) return parseBody(text, what)
  if (status < 400) throw new Failure('Unavailable', `${what}: the service answered with status ${status}`)
  const retryAfter = headers['retry-after']
  throw failureOfAnswer({ status, text, ...(typeof retryAfter === 'string' ? { retryAfter } : {}) }, what)
}

function parseBody(text: string, what: string): unknown {
  if (text.trim() === '') return undefined
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Failure('Unavailable', `${what}: the answer is no JSON`, { cause })
  }
}

/** Lists say where the next page is under `<plural>_links` (Nova, Neutron, Cinder) or `next` (Glance). Only the query is believed: services behind a proxy give their inner address. */
async function joinPages(first: unknown, url: URL, fetch: (next: URL) => Promise<unknown>): Promise<unknown> {
  const items: unknown[] = []
  let page = readPage(first)
  if (page?.next === undefined) return first
  for (let pages = 1; page !== undefined; pages++) {
    items.push(...page.items)
    if (page.next === undefined) return { [page.plural]: items }
    if (pages >= mostPages) throw new Failure('Unavailable', `${url.pathname} is a list without an end`)
    const next = new URL(url)
    next.search = new URL(page.next, url).search
    page = readPage(await fetch(next))
  }
  throw new Failure('Unavailable', `a page of ${url.pathname} is no list`)
}

function readPage(body: unknown): { plural: string; items: readonly unknown[]; next: string | undefined } | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  const list = Object.entries(body).find(([key, value]) => Array.isArray(value) && !key.endsWith('_links'))
  if (list === undefined) return undefined
  const [plural, items] = list as [string, readonly unknown[]]
  const links = (body as Record<string, unknown>)[`${plural}_links`]
  const link = Array.isArray(links) ? links.find((one) => one?.rel === 'next')?.href : undefined
  const next = link ?? (body as { next?: unknown }).next
  return { plural, items, next: typeof next === 'string' ? next : undefined }
}

/** A call by what it does, with ids left out, as in `GET /servers/:id`; the version and project of the address too. */
function nameOf(method: string, url: URL): string {
  const parts = url.pathname.split('/').filter((part) => part !== '' && !/^v\d/.test(part))
  return `${method} /${parts.map((part) => (/^[0-9a-f]{8}-?[0-9a-f-]{23,27}$/.test(part) ? ':id' : part)).join('/')}`
}
