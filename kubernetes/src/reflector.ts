import type { KubernetesList, KubernetesObject, Resource } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import { describe, Failure, isFailure } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { type Backoff, pauseMilliseconds } from '@trellis/foundation/retry'
import type { Client, Selection, WatchEvent } from './client.ts'

/** Where a reflector puts what it learns. */
export interface ReflectorTarget<Kind extends KubernetesObject> {
  /** These are all objects there are. */
  replaceAll(objects: readonly Kind[]): void
  /** One object came, changed or went. */
  apply(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: Kind): void
}

/** What a reflector is made of. */
export interface ReflectorOptions<Kind extends KubernetesObject> {
  readonly client: Client
  readonly resource: Resource<Kind>
  readonly selection?: Selection | undefined
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly pageSize?: number | undefined
  /** `stream` asks for the first list as part of the watch, and falls back to pages where the server cannot; `pages` never asks. */
  readonly initialList?: 'stream' | 'pages' | undefined
}

const usualPageSize = 500
const backoff: Backoff = { firstMilliseconds: 100, longestMilliseconds: 10_000 }
/** A watch that lived this long was a good one: the next fault starts from the shortest pause. */
const goodWatchMilliseconds = 5_000
const initialEventsEnd = 'k8s.io/initial-events-end'

/**
 * Keeps the target equal to what the API server holds until the signal aborts. Resumes where a watch broke off, lists anew when that moment is
 * gone, backs off with jitter on every fault and never gives up.
 */
export async function runReflector<Kind extends KubernetesObject>(
  options: ReflectorOptions<Kind>,
  target: ReflectorTarget<Kind>,
  signal: AbortSignal,
): Promise<void> {
  const { clock, random } = options
  const log = options.log.child({ resource: options.resource.plural })
  const follow = createFollower(options, target, signal)
  for (let tries = 0; !signal.aborted; ) {
    const begin = clock.now()
    const fault = await faultOf(follow())
    if (signal.aborted) return
    const good = clock.now() - begin >= goodWatchMilliseconds
    if (good && fault === undefined) {
      tries = 0
      continue
    }
    tries = good || isFailure(fault?.error, 'Gone') ? 1 : tries + 1
    const pause = Math.max(askedPause(fault?.error), pauseMilliseconds(backoff, tries, random))
    if (fault !== undefined) {
      const level = tries > 3 ? 'warn' : 'debug'
      log[level]({ error: describe(fault.error), tries, pause }, 'lost the watch and will resume')
    }
    await clock.sleep(pause, signal).catch(() => {})
  }
}

async function faultOf(work: Promise<void>): Promise<{ readonly error: unknown } | undefined> {
  try {
    await work
    return undefined
  } catch (error) {
    return { error }
  }
}

function askedPause(error: unknown): number {
  return error instanceof Failure ? (error.retryAfterMilliseconds ?? 0) : 0
}

/** One round of list (when there is nothing to resume from) and watch, until it ends or fails. */
function createFollower<Kind extends KubernetesObject>(
  options: ReflectorOptions<Kind>,
  target: ReflectorTarget<Kind>,
  signal: AbortSignal,
): () => Promise<void> {
  const { client, resource, selection, random } = options
  let resumeFrom: string | undefined
  let streams = (options.initialList ?? 'stream') === 'stream'

  const watch = (resourceVersion: string | undefined) =>
    client.watch(resource, {
      ...selection,
      ...(resourceVersion === undefined ? { sendInitialEvents: true } : { resourceVersion }),
      allowBookmarks: true,
      timeoutSeconds: 300 + random.integer(301),
      signal,
    })
  const follow = async (events: AsyncIterable<WatchEvent<Kind>>) => {
    for await (const { type, object } of events) {
      const { resourceVersion } = object.metadata
      // A repetition of what was told already would lead back in time, and let the next watch begin there.
      if (type !== 'BOOKMARK' && isRepetition(resourceVersion, resumeFrom)) continue
      if (type !== 'BOOKMARK') target.apply(type, object)
      resumeFrom = resourceVersion ?? resumeFrom
    }
  }
  const listPages = async () => {
    const { items, resourceVersion } = await listAll(options, signal)
    target.replaceAll(items)
    resumeFrom = resourceVersion
  }
  const streamList = async () => {
    const events = watch(undefined)[Symbol.asyncIterator]()
    try {
      const { items, resourceVersion } = await readInitialEvents(events)
      target.replaceAll(items)
      resumeFrom = resourceVersion
      await follow({ [Symbol.asyncIterator]: () => events })
    } finally {
      await events.return?.()
    }
  }
  return async () => {
    try {
      if (resumeFrom === undefined && streams) return await streamList()
      if (resumeFrom === undefined) await listPages()
      await follow(watch(resumeFrom))
    } catch (error) {
      if (isFailure(error, 'Gone')) resumeFrom = undefined
      // A server that cannot stream refuses the request as such; pages work with every server.
      else if (resumeFrom === undefined && isFailure(error, 'Invalid', 'Unimplemented')) streams = false
      throw error
    }
  }
}

/** Whether an event is no newer than the moment that a watch is at: resource versions of one kind are decimal numbers that grow. */
function isRepetition(version: string | undefined, at: string | undefined): boolean {
  return version !== undefined && at !== undefined && Number(version) <= Number(at)
}

interface Snapshot<Kind> {
  readonly items: readonly Kind[]
  readonly resourceVersion: string
}

/** Gathers a streamed list up to the bookmark that ends it. */
async function readInitialEvents<Kind extends KubernetesObject>(
  events: AsyncIterator<WatchEvent<Kind>>,
): Promise<Snapshot<Kind>> {
  const items = new Map<string, Kind>()
  for (let next = await events.next(); !next.done; next = await events.next()) {
    const { type, object } = next.value
    const { namespace, name, resourceVersion, annotations } = object.metadata
    if (type === 'BOOKMARK') {
      if (annotations?.[initialEventsEnd] !== 'true') continue
      return { items: [...items.values()], resourceVersion: versionOf(resourceVersion) }
    }
    const key = `${namespace ?? ''}/${name}`
    if (type === 'DELETED') items.delete(key)
    else items.set(key, object)
  }
  throw new Failure('Unavailable', 'the watch ended before the initial list was complete')
}

/** Reads all pages of one consistent list. When the first page's moment is compacted away on the way, one unpaged list makes sure of progress. */
async function listAll<Kind extends KubernetesObject>(
  options: ReflectorOptions<Kind>,
  signal: AbortSignal,
): Promise<Snapshot<Kind>> {
  const { client, resource, selection, pageSize } = options
  const items: Kind[] = []
  let page: KubernetesList<Kind> | undefined
  try {
    do {
      const token = page?.metadata.continue
      page = await client.list(resource, {
        ...selection,
        limit: pageSize ?? usualPageSize,
        ...(token === undefined ? {} : { continue: token }),
        signal,
      })
      items.push(...page.items)
    } while (page.metadata.continue !== undefined && page.metadata.continue !== '')
    return { items, resourceVersion: versionOf(page.metadata.resourceVersion) }
  } catch (error) {
    if (page === undefined || !isFailure(error, 'Gone')) throw error
    const whole = await client.list(resource, { ...selection, signal })
    return { items: whole.items, resourceVersion: versionOf(whole.metadata.resourceVersion) }
  }
}

function versionOf(resourceVersion: string | undefined): string {
  if (resourceVersion !== undefined && resourceVersion !== '') return resourceVersion
  throw new Failure('Unavailable', 'the list has no resource version to watch from')
}
