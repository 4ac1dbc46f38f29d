import { type KubernetesObject, keyText, type ObjectKey, type Resource } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import { Failure, InvariantError } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client } from './client.ts'
import type { Informer } from './informer.ts'
import { runReflector } from './reflector.ts'

/** What to wait for. */
export interface WaitOptions<Kind extends KubernetesObject> {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  readonly resource: Resource<Kind>
  readonly key: ObjectKey
  /** Asked with every state of the object, and with undefined while there is none. May throw to give up. */
  readonly until: (object: Kind | undefined) => boolean
  readonly timeoutMilliseconds: number
  readonly signal?: AbortSignal
  /** What the object should become, for the error, as in `ready`. */
  readonly description?: string
}

/**
 * Waits on a watch until an object is as wanted, through every fault of the server, and returns it: undefined when the wanted state is absence.
 * Throws `Unavailable`, with the last state's conditions, when the time is up, and the signal's reason when that aborts.
 */
export async function waitFor<Kind extends KubernetesObject>(options: WaitOptions<Kind>): Promise<Kind | undefined> {
  const { client, clock, random, resource, key, until } = options
  const found = Promise.withResolvers<Kind | undefined>()
  const stop = new AbortController()
  let last: Kind | undefined
  const judge = (object: Kind | undefined) => {
    last = object
    try {
      if (until(object)) found.resolve(object)
    } catch (error) {
      found.reject(error)
    }
  }
  const target = {
    replaceAll: (objects: readonly Kind[]) => judge(objects[0]),
    apply: (type: 'ADDED' | 'MODIFIED' | 'DELETED', object: Kind) => judge(type === 'DELETED' ? undefined : object),
  }
  const selection = { namespace: key.namespace, fieldSelector: `metadata.name=${key.name}` }
  const onAbort = () => found.reject(options.signal?.reason)
  const late = () => found.reject(lateness(options, last))
  const timer = clock.setTimer(options.timeoutMilliseconds, late)
  options.signal?.addEventListener('abort', onAbort, { once: true })
  if (options.signal?.aborted) onAbort()
  const watching = runReflector(
    { client, resource, selection, clock, random, log: createSilentLog() },
    target,
    stop.signal,
  )
  try {
    return await found.promise
  } finally {
    timer.cancel()
    options.signal?.removeEventListener('abort', onAbort)
    stop.abort()
    await watching
  }
}

/** As {@link waitFor}, for an object that must exist in the wanted state. */
export async function waitForObject<Kind extends KubernetesObject>(
  options: Omit<WaitOptions<Kind>, 'until'> & { readonly until: (object: Kind) => boolean },
): Promise<Kind> {
  const object = await waitFor({ ...options, until: (present) => present !== undefined && options.until(present) })
  if (object === undefined) throw new InvariantError('an absent object was accepted')
  return object
}

/** Waits until an informer's copy of the world is as wanted. Throws like {@link waitFor}. */
export async function waitForInformer<Kind extends KubernetesObject>(options: {
  readonly informer: Informer<Kind>
  readonly clock: Clock
  readonly until: (informer: Informer<Kind>) => boolean
  readonly timeoutMilliseconds: number
  readonly signal?: AbortSignal
  readonly description?: string
}): Promise<void> {
  const { informer, clock, until, signal } = options
  const found = Promise.withResolvers<void>()
  const judge = () => {
    try {
      if (until(informer)) found.resolve()
    } catch (error) {
      found.reject(error)
    }
  }
  const what = options.description ?? 'as wanted'
  const late = () => found.reject(new Failure('Unavailable', `not ${what} within ${options.timeoutMilliseconds} ms`))
  const onAbort = () => found.reject(signal?.reason)
  const timer = clock.setTimer(options.timeoutMilliseconds, late)
  signal?.addEventListener('abort', onAbort, { once: true })
  if (signal?.aborted) onAbort()
  const stop = informer.onChange(judge)
  judge()
  try {
    await found.promise
  } finally {
    stop()
    timer.cancel()
    signal?.removeEventListener('abort', onAbort)
  }
}

function lateness<Kind extends KubernetesObject>(options: WaitOptions<Kind>, last: Kind | undefined): Failure {
  const { resource, key, description = 'as wanted', timeoutMilliseconds } = options
  const state = last === undefined ? 'it does not exist' : conditionsText(last)
  const name = `${resource.kind} ${keyText(key)}`
  return new Failure('Unavailable', `${name} is not ${description} after ${timeoutMilliseconds / 1000} s: ${state}`)
}

function conditionsText(object: KubernetesObject): string {
  const { status } = object as { status?: { conditions?: { type: string; status: string; message?: string }[] } }
  const conditions = status?.conditions ?? []
  if (conditions.length === 0) return 'it exists'
  return conditions
    .map(({ type, status: value, message }) => `${type}=${value}${message ? ` (${message})` : ''}`)
    .join(', ')
}
