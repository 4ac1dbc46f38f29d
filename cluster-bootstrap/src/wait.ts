import type { KubernetesObject, Resource } from '@trellis/api/meta'
import { keyOf, keyText } from '@trellis/api/meta'
import { isFailure } from '@trellis/foundation/failure'
import type { Client, Selection } from '@trellis/kubernetes/client'

/** What a look at the objects led to: the end of the wait with a value, or a note about what is missing. */
export type Verdict<Value> = { readonly value: Value } | { readonly missing: string }

/** What is waited for, and how long. */
export interface WaitOptions<Kind extends KubernetesObject, Value> {
  readonly client: Client
  readonly resource: Resource<Kind>
  readonly selection: Selection
  /** Judges all selected objects; called with every change. What it throws ends the wait. */
  readonly judge: (objects: readonly Kind[]) => Verdict<Value>
  readonly signal: AbortSignal
  readonly note?: (text: string) => void
}

/**
 * Waits on a list and then a watch, never on a timer, until the judge is content. Throws what the server's faults are (the caller decides
 * about trying again) and the signal's reason when that aborts.
 */
export async function waitFor<Kind extends KubernetesObject, Value>(options: WaitOptions<Kind, Value>): Promise<Value> {
  for (;;) {
    options.signal.throwIfAborted()
    const verdict = await waitOnce(options).catch((error: unknown) => {
      if (isFailure(error, 'Gone')) return undefined
      throw error
    })
    if (verdict !== undefined) return verdict.value
  }
}

/** One list and one watch; undefined when the watch ended before the judge was content. */
async function waitOnce<Kind extends KubernetesObject, Value>(
  options: WaitOptions<Kind, Value>,
): Promise<{ readonly value: Value } | undefined> {
  const { client, resource, selection, signal } = options
  const list = await client.list(resource, { ...selection, signal })
  const objects = new Map(list.items.map((object) => [keyText(keyOf(object)), object]))
  const judge = () => {
    const verdict = options.judge([...objects.values()])
    if ('value' in verdict) return verdict
    options.note?.(verdict.missing)
    return undefined
  }
  const first = judge()
  if (first !== undefined) return first
  const { resourceVersion } = list.metadata
  const events = client.watch(resource, { ...selection, signal, allowBookmarks: true, resourceVersion })
  for await (const { type, object } of events) {
    if (type === 'BOOKMARK') continue
    if (type === 'DELETED') objects.delete(keyText(keyOf(object)))
    else objects.set(keyText(keyOf(object)), object)
    const verdict = judge()
    if (verdict !== undefined) return verdict
  }
  return undefined
}

/** Waits for one object, as {@link waitFor}; the judge gets undefined while there is none. */
export function waitForObject<Kind extends KubernetesObject, Value>(
  options: Omit<WaitOptions<Kind, Value>, 'selection' | 'judge'> & {
    readonly key: { readonly namespace?: string; readonly name: string }
    readonly judge: (object: Kind | undefined) => Verdict<Value>
  },
): Promise<Value> {
  const { key, judge, ...rest } = options
  return waitFor({
    ...rest,
    selection: { namespace: key.namespace, fieldSelector: `metadata.name=${key.name}` },
    judge: (objects) => judge(objects.find((object) => object.metadata.name === key.name)),
  })
}

/** Waits until no object is selected any more. */
export function waitUntilGone<Kind extends KubernetesObject>(
  options: Omit<WaitOptions<Kind, true>, 'judge'>,
): Promise<true> {
  return waitFor<Kind, true>({
    ...options,
    judge: (objects) =>
      objects.length === 0
        ? { value: true }
        : { missing: `${objects.length} ${options.resource.plural} left: ${names(objects)}` },
  })
}

function names(objects: readonly KubernetesObject[]): string {
  const shown = objects.slice(0, 3).map((object) => object.metadata.name)
  return objects.length > shown.length ? `${shown.join(', ')} …` : shown.join(', ')
}
