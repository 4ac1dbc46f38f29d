import type { KubernetesObject } from '@trellis/api/meta'
import { Failure } from '@trellis/foundation/failure'
import type { Selection, WatchEvent } from '../src/client.ts'
import { matchesSelector, parseSelectorText } from '../src/selectors.ts'
import type { HistoryEvent } from './fake-store.ts'

/** Whether an object belongs to a selection. */
export type Filter = (object: KubernetesObject) => boolean

/** Turns a selection into a filter; throws `Invalid` for what an API server would refuse as well. */
export function filterOf(selection: Selection): Filter {
  const labels = parseSelectorText(selection.labelSelector ?? '')
  const fields = (selection.fieldSelector ?? '').split(',').filter((part) => part !== '')
  const conditions = fields.map(fieldCondition)
  return (object) =>
    (selection.namespace === undefined || object.metadata.namespace === selection.namespace) &&
    matchesSelector(labels, object.metadata.labels) &&
    conditions.every((condition) => condition(object))
}

function fieldCondition(text: string): Filter {
  const [, path, operator, wanted] = /^([\w.]+)(==?|!=)(.*)$/.exec(text) ?? []
  if (path === undefined) throw new Failure('Invalid', `${text} is no field requirement`, { field: 'fieldSelector' })
  return (object) => (valueAt(object, path) === wanted) === (operator !== '!=')
}

function valueAt(object: KubernetesObject, path: string): string {
  const value = path
    .split('.')
    .reduce<unknown>((tree, part) => (tree as Record<string, unknown> | undefined)?.[part], object)
  return value === undefined ? '' : String(value)
}

/** What a watcher of the selection is told about a change; nothing when it concerns only objects outside. */
export function seenThrough(filter: Filter, { before, after }: HistoryEvent): WatchEvent<KubernetesObject> | undefined {
  const was = before !== undefined && filter(before)
  const is = after !== undefined && filter(after)
  if (is) return { type: was ? 'MODIFIED' : 'ADDED', object: after }
  if (!was) return undefined
  const resourceVersion = (after ?? before).metadata.resourceVersion
  return { type: 'DELETED', object: { ...before, metadata: { ...before.metadata, ...version(resourceVersion) } } }
}

function version(resourceVersion: string | undefined): { resourceVersion?: string } {
  return resourceVersion === undefined ? {} : { resourceVersion }
}
