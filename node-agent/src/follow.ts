import type { KubernetesList, KubernetesObject } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import { isFailure } from '@trellis/foundation/failure'
import type { ApiClient } from './api-client.ts'

/** What following needs. */
export interface FollowOptions {
  readonly clock: Clock
  readonly client: ApiClient
  readonly signal: AbortSignal
  /** Told of every failure, before it is tried again. */
  readonly onTrouble: (error: unknown) => void
}

const pauseMilliseconds = 1_000

/**
 * Calls `onObject` with each object of a collection as it is and as it changes (not with deletions), until the signal aborts: list, then watch, then
 * list again. Objects may come more than once, so whoever is told must look at the object alone.
 */
export async function follow<Kind extends KubernetesObject>(
  path: string,
  query: Readonly<Record<string, string>>,
  onObject: (object: Kind) => void,
  { clock, client, signal, onTrouble }: FollowOptions,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const list = await client.call<KubernetesList<Kind>>({
        method: 'GET',
        path: `${path}?${new URLSearchParams(query)}`,
        signal,
      })
      for (const item of list.items ?? []) onObject(item)
      await watchFrom(list.metadata.resourceVersion ?? '')
    } catch (error) {
      if (signal.aborted) return
      if (!isFailure(error, 'Gone')) onTrouble(error)
      await clock.sleep(pauseMilliseconds, signal).catch(() => {})
    }
  }

  async function watchFrom(start: string): Promise<void> {
    let version = start
    while (!signal.aborted && version !== '') {
      const parameters = new URLSearchParams({
        ...query,
        watch: 'true',
        allowWatchBookmarks: 'true',
        resourceVersion: version,
      })
      await client.watch<Kind>(
        `${path}?${parameters}`,
        ({ type, object }) => {
          version = type === 'ERROR' ? '' : (object.metadata.resourceVersion ?? version)
          if (type === 'ADDED' || type === 'MODIFIED') onObject(object)
        },
        signal,
      )
    }
  }
}

/** Resolves as soon as an object of the collection satisfies `enough`; rejects with the signal's reason when that aborts first. */
export async function awaitObject<Kind extends KubernetesObject>(
  path: string,
  query: Readonly<Record<string, string>>,
  enough: (object: Kind) => boolean,
  options: FollowOptions,
): Promise<void> {
  const found = new AbortController()
  const signal = AbortSignal.any([options.signal, found.signal])
  await follow<Kind>(
    path,
    query,
    (object) => {
      if (enough(object)) found.abort()
    },
    { ...options, signal },
  )
  if (!found.signal.aborted) options.signal.throwIfAborted()
}
