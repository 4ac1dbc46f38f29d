import { type KubernetesObject, keyOf, type ObjectKey, type Resource } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import { describe } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client, Selection } from './client.ts'
import { createIndexer, type Difference, type IndexFunction } from './indexer.ts'
import { runReflector } from './reflector.ts'

/**
 * What changed about one object: both sides for an update, one side for an addition or a removal. Of an object that was removed while
 * the watch was down, `before` is the last state that was seen. An object made anew under the same name is a removal and an addition.
 */
export interface Change<Kind extends KubernetesObject> {
  readonly key: ObjectKey
  readonly before?: Kind
  readonly after?: Kind
}

/**
 * A local copy of the selected objects that follows the API server: list, then watch, resuming where it broke off.
 * Objects in it are shared and must not be changed by readers.
 */
export interface Informer<Kind extends KubernetesObject> {
  /** Runs until the signal aborts; never throws for a fault of the server. */
  run(signal: AbortSignal): Promise<void>
  /** Resolves once the first list is complete; rejects with the signal's reason when that aborts first. */
  synced(signal?: AbortSignal): Promise<void>
  hasSynced(): boolean
  get(key: ObjectKey): Kind | undefined
  list(namespace?: string): readonly Kind[]
  /** Objects whose index function `index` returned `value`. */
  byIndex(index: string, value: string): readonly Kind[]
  /** How many objects `byIndex` would return, without gathering them. */
  countByIndex(index: string, value: string): number
  /** Calls back on every change, beginning with the objects already here. Returns how to stop. */
  onChange(listener: (change: Change<Kind>) => void): () => void
}

/** What an informer is made of. */
export interface InformerOptions<Kind extends KubernetesObject> {
  readonly client: Client
  readonly resource: Resource<Kind>
  readonly selection?: Selection
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly indexes?: Readonly<Record<string, IndexFunction<Kind>>>
  /** Objects a page of the initial list, where it is paged; 500 unless told. */
  readonly pageSize?: number
  /** `stream` (unless told) reads the initial list from the watch itself and falls back to `pages` where the server cannot. */
  readonly initialList?: 'stream' | 'pages'
  /** Trims objects before they are kept. Unless told, drops `metadata.managedFields`, which is often half of an object. */
  readonly transform?: (object: Kind) => Kind
}

/** Makes an informer; nothing is asked of the server before it runs. Index and transform functions must not throw. */
export function createInformer<Kind extends KubernetesObject>(options: InformerOptions<Kind>): Informer<Kind> {
  const { log, transform = withoutManagedFields } = options
  const indexer = createIndexer(options.indexes)
  const listeners = new Set<(change: Change<Kind>) => void>()
  const synced = Promise.withResolvers<void>()
  let hasSynced = false

  const tell = (listener: (change: Change<Kind>) => void, change: Change<Kind>) => {
    try {
      listener(change)
    } catch (error) {
      log.error({ error: describe(error), resource: options.resource.plural }, 'a listener of an informer threw')
    }
  }
  const publish = (differences: readonly Difference<Kind>[]) => {
    for (const difference of differences) {
      const object = difference.after ?? difference.before
      if (object === undefined) continue
      const change = { key: keyOf(object), ...difference }
      for (const listener of [...listeners]) tell(listener, change)
    }
  }
  const target = {
    replaceAll: (objects: readonly Kind[]) => {
      publish(indexer.replaceAll(objects.map(transform)))
      hasSynced = true
      synced.resolve()
    },
    apply: (type: 'ADDED' | 'MODIFIED' | 'DELETED', object: Kind) => {
      const kept = transform(object)
      publish(type === 'DELETED' ? indexer.remove(kept) : indexer.put(kept))
    },
  }
  return {
    run: (signal) => runReflector(options, target, signal),
    synced: (signal) => (signal === undefined ? synced.promise : orAborted(synced.promise, signal)),
    hasSynced: () => hasSynced,
    get: indexer.get,
    list: indexer.list,
    byIndex: indexer.byIndex,
    countByIndex: indexer.countByIndex,
    onChange: (listener) => {
      listeners.add(listener)
      for (const after of indexer.list()) tell(listener, { key: keyOf(after), after })
      return () => {
        listeners.delete(listener)
      }
    },
  }
}

function withoutManagedFields<Kind extends KubernetesObject>(object: Kind): Kind {
  if (!('managedFields' in object.metadata)) return object
  const { managedFields: _, ...metadata } = object.metadata
  return { ...object, metadata }
}

function orAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(signal.reason)
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    })
  })
}
