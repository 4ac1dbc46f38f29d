import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '@trellis/foundation/clock'
import { InvariantError } from '@trellis/foundation/failure'
import type { TestEndpoint } from '../src/connection.ts'
import { type Api, createApi } from './api-check.ts'
import type { ApiDocument } from './generate/discovery.ts'
import compute from './generated/compute.json' with { type: 'json' }
import iam from './generated/iam.json' with { type: 'json' }
import { errorBody, GoogleError } from './google-error.ts'
import { createIdentity, type Identity } from './identity.ts'
import type { Fate } from './instances.ts'
import { project as projectFields, type Thing } from './list-query.ts'
import { type Call, carryOut } from './methods.ts'
import { serviceAccounts } from './service-accounts.ts'
import { createWorld, type World } from './world.ts'

/** What a test has the cloud do instead of answering, once, to the next call of a method. */
export type Fault =
  | { readonly kind: 'refuse'; readonly error: GoogleError }
  /** It acts, and the connection breaks before it answers. */
  | { readonly kind: 'lose' }
  /** It answers with this text. */
  | { readonly kind: 'garble'; readonly text: string }
  /** It acts, and never answers. */
  | { readonly kind: 'hang' }

/** An emulated Google Cloud that speaks its REST API, checked against Google's own description of it. */
export interface GoogleCloud extends AsyncDisposable {
  readonly endpoint: TestEndpoint
  readonly project: string
  readonly identity: Identity
  readonly world: World
  /** Ids of the methods that were called, in order. */
  readonly calls: string[]
  /** How the next servers fare, one each. */
  readonly fates: Fate[]
  /** Faults of the next calls, by id of the method. */
  fault(method: string, fault: Fault): void
  /** Looks at every call before it is carried out; what it throws breaks the connection. */
  before: (method: string) => void
  /** Looks at every call after it was carried out, before it is answered. */
  after: (method: string) => void
}

/** Starts one. Disposing it stops it, and throws when any request or answer was not as Google describes it. */
export async function startGoogleCloud(clock: Clock, project = 'trellis-test'): Promise<GoogleCloud> {
  const flaws: string[] = []
  const faults = new Map<string, Fault[]>()
  const world = createWorld(clock)
  const identity = createIdentity(project)
  const apis = [createApi(compute as unknown as ApiDocument), createApi(iam as unknown as ApiDocument)]
  const server = createServer((request, response) => {
    answer(cloud, { request, response, apis, flaws, faults }).catch((error: unknown) =>
      response.destroy(error as Error),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const cloud: GoogleCloud = {
    endpoint: { host: '127.0.0.1', port },
    project,
    identity,
    world,
    calls: [],
    fates: [],
    fault: (method, fault) => void faults.set(method, [...(faults.get(method) ?? []), fault]),
    before: () => {},
    after: () => {},
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      if (flaws.length > 0) throw new InvariantError(`not as Google describes its API: ${flaws.join('; ')}`)
    },
  }
  return cloud
}

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly apis: readonly Api[]
  readonly flaws: string[]
  readonly faults: Map<string, Fault[]>
}

async function answer(cloud: GoogleCloud, exchange: Exchange): Promise<void> {
  const { request, response } = exchange
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString()
  const url = new URL(request.url ?? '', 'http://cloud')
  try {
    if (url.pathname === '/sts/v1/token') return send(response, 200, cloud.identity.exchange(new URLSearchParams(text)))
    cloud.identity.check(request.headers.authorization)
    await serve(cloud, exchange, url, text === '' ? undefined : (JSON.parse(text) as unknown))
  } catch (error) {
    if (!(error instanceof GoogleError)) throw error
    send(response, error.status, errorBody(error), error.retryAfter)
  }
}

async function serve(
  cloud: GoogleCloud,
  { request, response, apis, flaws, faults }: Exchange,
  url: URL,
  body: unknown,
): Promise<void> {
  const [api, call] = apis
    .map((one) => [one, one.match(request.method ?? '', url.pathname)] as const)
    .find(([, match]) => match !== undefined) ?? [undefined, undefined]
  if (api === undefined || call === undefined)
    throw new GoogleError(404, 'notFound', `${request.method} ${url.pathname}`)
  const { id } = call.method
  cloud.before(id)
  cloud.calls.push(id)
  const wrong = api.flawsOfRequest(call, url.searchParams, body)
  flaws.push(...wrong.map((flaw) => `${id}: ${flaw}`))
  if (wrong.length > 0) throw new GoogleError(400, 'badRequest', `Invalid JSON payload received. ${wrong.join('; ')}`)
  const fault = faults.get(id)?.shift()
  if (fault?.kind === 'refuse') throw fault.error
  if (fault?.kind === 'garble') return void response.end(fault.text)
  const given: Call = { ...call, query: url.searchParams, body: (body ?? {}) as Thing }
  const result = id.startsWith('iam.')
    ? serviceAccounts(cloud.world, given)
    : carryOut(cloud.world, given, { nextFate: () => cloud.fates.shift() ?? {} })
  flaws.push(...api.flawsOfAnswer(call, result).map((flaw) => `answer to ${id}: ${flaw}`))
  cloud.after(id)
  if (fault?.kind === 'lose') return void response.destroy()
  if (fault?.kind === 'hang') return
  const fields = url.searchParams.get('fields')
  send(response, 200, fields === null ? result : (projectFields(result, fields) as object))
}

function send(response: ServerResponse, status: number, body: object, retryAfter?: number): void {
  if (retryAfter !== undefined) response.setHeader('retry-after', String(retryAfter))
  response.statusCode = status
  response.setHeader('content-type', 'application/json; charset=UTF-8')
  response.end(JSON.stringify(body))
}
