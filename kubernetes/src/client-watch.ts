import { apiVersionOf, type KubernetesObject, type Resource } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import { httpRequest, refusalOf, withKind } from './client-requests.ts'
import { collectionPath, withQuery } from './paths.ts'
import { connectionFailure, type HttpStream, type Transport } from './transport.ts'
import { type ParsedEvent, parseEvent, readLines } from './watch-lines.ts'

/** How a watch begins; the same fields as the client's options. */
export interface WatchRequest {
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly fieldSelector?: string | undefined
  readonly resourceVersion?: string
  readonly allowBookmarks?: boolean
  readonly sendInitialEvents?: boolean
  readonly timeoutSeconds?: number
  readonly signal?: AbortSignal
}

/** Watches one kind. */
export type Watcher = <Kind extends KubernetesObject>(
  resource: Resource<Kind>,
  options: WatchRequest,
) => AsyncIterable<ParsedEvent<Kind>>

/** Time for the watch to begin. */
const beginTimeoutMilliseconds = 35_000
/** Bookmarks come about once a minute, so this much silence means that the connection is dead. */
const silenceMilliseconds = 180_000

/** Makes the watches of a client. */
export function createWatcher(clock: Clock, transport: Transport, userAgent: string): Watcher {
  return async function* watch<Kind extends KubernetesObject>(resource: Resource<Kind>, options: WatchRequest) {
    const { signal } = options
    const path = watchPath(resource, options)
    const outgoing = { method: 'GET', path, timeoutMilliseconds: beginTimeoutMilliseconds, signal }
    try {
      const stream = await transport.open(httpRequest(outgoing, userAgent))
      if (stream.status !== 200) {
        const body = await textOf(stream)
        throw refusalOf(outgoing, { status: stream.status, body, retryAfterSeconds: retryAfterOf(stream) })
      }
      const chunks = alive(clock, stream, options.allowBookmarks === true)
      const apiVersion = apiVersionOf(resource)
      for await (const line of readLines(chunks)) {
        const event = parseEvent<Kind>(line, path)
        yield { type: event.type, object: withKind(event.object, apiVersion, resource.kind) }
      }
    } catch (error) {
      if (!signal?.aborted) throw connectionFailure('the watch broke off', error)
    }
  }
}

function watchPath(resource: Resource<KubernetesObject>, options: WatchRequest): string {
  const { namespace, signal: _, allowBookmarks, ...query } = options
  return withQuery(collectionPath(resource, namespace), {
    watch: true,
    ...query,
    allowWatchBookmarks: allowBookmarks,
    resourceVersionMatch: options.sendInitialEvents === true ? 'NotOlderThan' : undefined,
  })
}

/** The chunks of a body, whose connection is dropped when it is silent for too long or no longer read. */
async function* alive(clock: Clock, stream: HttpStream, bookmarks: boolean): AsyncGenerator<Buffer> {
  const start = () => clock.setTimer(silenceMilliseconds, onSilence, { unref: true })
  const onSilence = () => stream.body.destroy(new Failure('Unavailable', 'the watch has fallen silent'))
  let timer = bookmarks ? start() : undefined
  try {
    for await (const chunk of stream.body) {
      timer?.cancel()
      yield chunk as Buffer
      if (bookmarks) timer = start()
    }
  } finally {
    timer?.cancel()
    stream.body.destroy()
  }
}

async function textOf(stream: HttpStream): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream.body) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

function retryAfterOf(stream: HttpStream): number | undefined {
  const seconds = Number(stream.body.headers['retry-after'])
  return Number.isFinite(seconds) ? seconds : undefined
}
