import type { CallBudget } from '@trellis/cloudprovider/contract/call-budget'
import type { CallMetrics } from '@trellis/cloudprovider/contract/call-metrics'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import { type Authorization, createAuthorization, type TokenSource } from './authorization.ts'
import type { GoogleCredentials } from './credentials.ts'
import { failureOfAnswer } from './failures.ts'
import type { ComputeMethod, ComputeService } from './methods.ts'

/** What a connection needs. */
export interface ConnectionPorts {
  readonly clock: Clock
  readonly budget: CallBudget
  readonly metrics: CallMetrics
}

/** Where tests find the cloud: a server of plain HTTP that answers for every API. */
export interface TestEndpoint {
  readonly host: string
  readonly port: number
  readonly tokens?: TokenSource
}

/** How a call is made. */
export interface ConnectionCall {
  readonly signal?: AbortSignal | undefined
  /** The parts of the answer that are wanted, as the API writes them: `items(name,status)`. Servers carry their whole user-data otherwise. */
  readonly fields?: string
  /** How long the answer may take; usually half a minute. */
  readonly timeoutMilliseconds?: number
}

/** Calls of Google's APIs with one set of credentials. Every fault is a `Failure`; nothing is tried twice. */
export interface GoogleConnection {
  readonly project: string
  /** Calls a method of the Compute API. `request` and answer have the shapes of its message definitions. */
  compute<Service extends ComputeService>(
    service: Service,
    method: ComputeMethod<Service>,
    request: object,
    call?: ConnectionCall,
  ): Promise<unknown>
  /** Calls an API that has no message definitions here. `api` names the call in metrics. */
  rest(
    wish: {
      readonly api: string
      readonly method: string
      readonly host: string
      readonly path: string
      readonly body?: object
    },
    call?: ConnectionCall,
  ): Promise<unknown>
}

const usualTimeoutMilliseconds = 30_000

/** A page of 500 servers with what we ask of each is a hundredth of this. */
const answerLimitBytes = 64 * 1024 * 1024

/** How the wanted fields travel through the client to where the address is made. */
const fieldsHeader = 'x-wanted-fields'

/** Connects to the cloud, lazily: the first call loads Google's client. */
export function connectToGoogle(
  ports: ConnectionPorts,
  credentials: GoogleCredentials,
  endpoint?: TestEndpoint,
): GoogleConnection {
  const { clock, budget, metrics } = ports
  let authorizing: Promise<Authorization> | undefined
  const authorized = () => {
    authorizing ??= createAuthorization(credentials, endpoint?.tokens)
    return authorizing
  }
  const send = createSender(authorized)
  const stubs = createStubs(async (url, options) => understood(await send(url, options)), endpoint)
  const spend = async <Answer>(
    api: string,
    { signal, timeoutMilliseconds = usualTimeoutMilliseconds }: ConnectionCall,
    work: (signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> =>
    budget.spend(() => {
      metrics.called(api)
      return within(clock, timeoutMilliseconds, signal, work)
    }, signal)
  return {
    project: credentials.project,
    compute: (service, method, request, call = {}) =>
      spend(`${lowerFirst(service)}.${lowerFirst(method)}`, call, async (signal) => {
        const stub = await stubs.of(service)
        return invoke(stub, lowerFirst(method), { request, signal, fields: call.fields })
      }),
    rest: ({ api, method, host, path, body }, call = {}) =>
      spend(api, call, async (signal) => {
        const base = endpoint === undefined ? `https://${host}` : `http://${endpoint.host}:${endpoint.port}`
        const headers = new Headers({ 'content-type': 'application/json' })
        const answer = await send(`${base}${path}`, {
          method,
          headers,
          signal,
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        })
        return readJson(await answer.text())
      }),
  }
}

type Send = (url: string, options: RequestInit & { readonly headers: Headers }) => Promise<Response>

/** Sends one request with credentials and answers with what is no error. */
function createSender(authorized: () => Promise<Authorization>): Send {
  return async (url, { method, headers, body, signal }) => {
    const own = await (await authorized()).headers()
    for (const [name, value] of own) headers.set(name, value)
    const fields = headers.get(fieldsHeader)
    headers.delete(fieldsHeader)
    const address = new URL(url)
    if (fields !== null) address.searchParams.set('fields', `kind,${fields}`)
    const answer = await fetch(address, {
      method: method ?? 'GET',
      headers,
      body: body ?? null,
      signal: signal ?? null,
      redirect: 'error',
    })
    const content = await readBounded(answer)
    if (!answer.ok) throw failureOfAnswer(answer.status, content, answer.headers.get('retry-after'))
    return new Response(content, { status: answer.status })
  }
}

async function readBounded(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of answer.body ?? []) {
    size += chunk.length
    if (size > answerLimitBytes) throw new Failure('Unavailable', 'the answer of the cloud is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/**
 * The client reads what it does not understand as nothing at all, and a list of nothing would mean that every server is gone: only what says which sort of message it is passes.
 */
async function understood(answer: Response): Promise<Response> {
  const text = await answer.text()
  const { kind } = (readJson(text) ?? {}) as { readonly kind?: unknown }
  if (typeof kind === 'string' && kind.startsWith('compute#')) return new Response(text, { status: answer.status })
  throw new Failure('Unavailable', 'the answer of the cloud is none of its messages')
}

function readJson(content: string): unknown {
  try {
    return content === '' ? {} : JSON.parse(content)
  } catch (cause) {
    throw new Failure('Unavailable', 'the answer of the cloud is not JSON', { cause })
  }
}

/** One method of Google's client, as its runtime makes it. */
type StubMethod = (
  request: object,
  metadata: Readonly<Record<string, readonly string[]>>,
  options: object,
  callback: (error: unknown, answer: unknown) => void,
) => { cancel(): void }

type Stub = Readonly<Record<string, StubMethod>>

/** Google's client of each service, made when it is first needed. */
function createStubs(send: Send, endpoint: TestEndpoint | undefined) {
  const made = new Map<ComputeService, Promise<Stub>>()
  const where = endpoint === undefined ? {} : { servicePath: endpoint.host, port: endpoint.port, protocol: 'http' }
  const auth = { fetch: send, getRequestHeaders: async () => new Headers() }
  const make = async (service: ComputeService): Promise<Stub> => {
    const { openService } = await import('./google-client.ts')
    return openService(service, auth, { servicePath: 'compute.googleapis.com', ...where })
  }
  return {
    of: (service: ComputeService): Promise<Stub> => {
      const stub = made.get(service) ?? make(service)
      made.set(service, stub)
      return stub
    },
  }
}

function invoke(
  stub: Stub,
  method: string,
  {
    request,
    signal,
    fields,
  }: { readonly request: object; readonly signal: AbortSignal; readonly fields: string | undefined },
): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>()
  const metadata: Readonly<Record<string, readonly string[]>> = fields === undefined ? {} : { [fieldsHeader]: [fields] }
  const running = stub[method]?.(request, metadata, {}, (error, answer) => {
    if (error === null || error === undefined) resolve(answer)
    else reject(failureOfClient(error))
  })
  const cancel = () => running?.cancel()
  signal.addEventListener('abort', cancel, { once: true })
  return promise.finally(() => signal.removeEventListener('abort', cancel))
}

/** The client wraps what its transport throws; a request that it cannot even write is the class's fault. */
function failureOfClient(error: unknown): Failure {
  for (let one: unknown = error; one instanceof Error; one = one.cause) if (one instanceof Failure) return one
  const { code } = error as { code?: unknown }
  if (code === undefined) return new Failure('Invalid', 'the cloud has no way to say this', { cause: error })
  return new Failure('Unavailable', 'the cloud cannot be understood or reached', { cause: error })
}

/** Runs `work` with a signal that aborts when the caller's does or time is up. */
async function within<Answer>(
  clock: Clock,
  milliseconds: number,
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  outer?.throwIfAborted()
  const controller = new AbortController()
  const late = new Failure('Timeout', `no answer of the cloud for ${milliseconds / 1000} s`)
  const timer = clock.setTimer(milliseconds, () => controller.abort(late), { unref: true })
  const leave = () => controller.abort(outer?.reason)
  outer?.addEventListener('abort', leave, { once: true })
  try {
    return await work(controller.signal)
  } catch (error) {
    if (controller.signal.aborted) throw controller.signal.reason
    if (error instanceof Failure) throw error
    throw new Failure('Unavailable', 'the cloud cannot be reached', { cause: error })
  } finally {
    timer.cancel()
    outer?.removeEventListener('abort', leave)
  }
}

function lowerFirst(name: string): string {
  return `${name.charAt(0).toLowerCase()}${name.slice(1)}`
}
