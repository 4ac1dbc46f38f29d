import { apiVersionOf, type KubernetesObject, type Resource } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import type { WatchEvent, WatchOptions } from '../src/client.ts'
import { type Channel, createChannel } from './channel.ts'
import { copyOf } from './copy.ts'
import { filterOf, seenThrough } from './fake-selection.ts'
import type { FakeStore } from './fake-store.ts'

type Event = WatchEvent<KubernetesObject>

/** The watches of a fake API server. */
export interface FakeWatches {
  watch(resource: Resource<KubernetesObject>, options: WatchOptions): AsyncIterable<Event>
  /** Breaks every watch, as a lost connection does. */
  disconnect(): void
  /** Sends a bookmark to every watch that asked for bookmarks. */
  bookmark(): void
  /** Watches under way. */
  count(): number
}

interface Watch {
  readonly channel: Channel<Event>
  bookmark(): void
}

/** Makes watches over a store. */
export function createFakeWatches(clock: Clock, store: FakeStore): FakeWatches {
  const watches = new Set<Watch>()

  async function* watch(resource: Resource<KubernetesObject>, options: WatchOptions): AsyncGenerator<Event> {
    const channel = createChannel<Event>()
    const advance = createCursor(store, resource, options, channel)
    const mark = () => channel.push(bookmarkOf(resource, store))
    const self = { channel, bookmark: options.allowBookmarks === true ? mark : () => {} }
    const finish = () => channel.finish()
    const timer =
      options.timeoutSeconds === undefined
        ? undefined
        : clock.setTimer(options.timeoutSeconds * 1000, finish, { unref: true })
    options.signal?.addEventListener('abort', finish, { once: true })
    if (options.signal?.aborted) finish()
    const stopListening = store.onEvent(advance)
    watches.add(self)
    try {
      for await (const event of channel.values) yield copyOf(event)
    } finally {
      watches.delete(self)
      stopListening()
      timer?.cancel()
      options.signal?.removeEventListener('abort', finish)
    }
  }

  return {
    watch,
    disconnect: () => {
      for (const { channel } of [...watches]) channel.finish(new Failure('Unavailable', 'the watch broke off'))
    },
    bookmark: () => {
      for (const one of [...watches]) one.bookmark()
    },
    count: () => watches.size,
  }
}

/** Puts what a watch begins with into its channel; each call of the returned function puts in what has happened since. */
function createCursor(
  store: FakeStore,
  resource: Resource<KubernetesObject>,
  options: WatchOptions,
  channel: Channel<Event>,
): () => void {
  const filter = filterOf(options)
  let position = store.version()
  const advance = () => {
    const events = store.since(resource, position)
    if (events === undefined) channel.finish(new Failure('Gone', `too old resource version: ${position}`))
    for (const event of events ?? []) {
      const seen = seenThrough(filter, event)
      if (seen !== undefined) channel.push(seen)
    }
    position = store.version()
  }
  if (options.resourceVersion !== undefined && options.sendInitialEvents !== true) {
    position = Number(options.resourceVersion)
    advance()
    return advance
  }
  for (const object of store.all(resource).filter(filter)) channel.push({ type: 'ADDED', object })
  if (options.sendInitialEvents === true) {
    channel.push(bookmarkOf(resource, store, { 'k8s.io/initial-events-end': 'true' }))
  }
  return advance
}

function bookmarkOf(
  resource: Resource<KubernetesObject>,
  store: FakeStore,
  annotations?: Record<string, string>,
): Event {
  const metadata = { name: '', resourceVersion: String(store.version()), ...(annotations ? { annotations } : {}) }
  return { type: 'BOOKMARK', object: { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata } }
}
