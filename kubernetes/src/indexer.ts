import { type KubernetesObject, keyOf, keyText, type ObjectKey } from '@trellis/api/meta'
import { InvariantError } from '@trellis/foundation/failure'

/** What an index files an object under: any number of values. */
export type IndexFunction<Kind extends KubernetesObject> = (object: Kind) => readonly string[]

/** How one object differs from before; at least one side is there. */
export interface Difference<Kind extends KubernetesObject> {
  readonly before?: Kind
  readonly after?: Kind
}

/** Objects by key, by namespace and by every index, always consistent with one another. */
export interface Indexer<Kind extends KubernetesObject> {
  get(key: ObjectKey): Kind | undefined
  list(namespace?: string): readonly Kind[]
  byIndex(index: string, value: string): readonly Kind[]
  /** How many objects `byIndex` would return, without gathering them. */
  countByIndex(index: string, value: string): number
  /** Takes an object in; the differences are none when it is known in this version, and two when another object bears its name now. */
  put(object: Kind): readonly Difference<Kind>[]
  /** Takes an object out; `last` is its last state where the server told it. */
  remove(object: Kind): readonly Difference<Kind>[]
  /** Takes the given objects for all there are. Differences come after the whole is in place, removals first. */
  replaceAll(objects: readonly Kind[]): readonly Difference<Kind>[]
}

/** Makes an empty indexer. Asking for an index that was never declared is a bug and throws `InvariantError`. */
export function createIndexer<Kind extends KubernetesObject>(
  indexes: Readonly<Record<string, IndexFunction<Kind>>> = {},
): Indexer<Kind> {
  const objects = new Map<string, Kind>()
  const namespaces = createBuckets<Kind>((object) => [object.metadata.namespace ?? ''])
  const buckets = new Map(Object.entries(indexes).map(([name, values]) => [name, createBuckets(values)]))
  const all = [namespaces, ...buckets.values()]

  const set = (key: string, after: Kind | undefined): Kind | undefined => {
    const before = objects.get(key)
    if (before !== undefined) for (const bucket of all) bucket.remove(key, before)
    if (after === undefined) objects.delete(key)
    else {
      objects.set(key, after)
      for (const bucket of all) bucket.add(key, after)
    }
    return before
  }
  const put = (object: Kind): readonly Difference<Kind>[] => {
    const before = set(keyText(keyOf(object)), object)
    if (before === undefined) return [{ after: object }]
    if (before.metadata.uid !== object.metadata.uid) return [{ before }, { after: object }]
    if (before.metadata.resourceVersion === object.metadata.resourceVersion) return []
    return [{ before, after: object }]
  }
  const bucketOf = (index: string): Buckets<Kind> => {
    const bucket = buckets.get(index)
    if (bucket === undefined) throw new InvariantError(`there is no index ${index}`)
    return bucket
  }
  return {
    get: (key) => objects.get(keyText(key)),
    list: (namespace) => (namespace === undefined ? [...objects.values()] : namespaces.of(namespace)),
    byIndex: (index, value) => bucketOf(index).of(value),
    countByIndex: (index, value) => bucketOf(index).count(value),
    put,
    remove: (object) => {
      const known = set(keyText(keyOf(object)), undefined)
      return known === undefined ? [] : [{ before: object }]
    },
    replaceAll: (replacements) => {
      const present = new Set(replacements.map((object) => keyText(keyOf(object))))
      const gone = [...objects.keys()].filter((key) => !present.has(key))
      const removals = gone.flatMap((key) => {
        const before = set(key, undefined)
        return before === undefined ? [] : [{ before }]
      })
      return [...removals, ...replacements.flatMap(put)]
    },
  }
}

interface Buckets<Kind> {
  add(key: string, object: Kind): void
  remove(key: string, object: Kind): void
  of(value: string): readonly Kind[]
  count(value: string): number
}

function createBuckets<Kind>(valuesOf: (object: Kind) => readonly string[]): Buckets<Kind> {
  const byValue = new Map<string, Map<string, Kind>>()
  return {
    add: (key, object) => {
      for (const value of valuesOf(object)) {
        const bucket = byValue.get(value) ?? new Map<string, Kind>()
        bucket.set(key, object)
        byValue.set(value, bucket)
      }
    },
    remove: (key, object) => {
      for (const value of valuesOf(object)) {
        const bucket = byValue.get(value)
        bucket?.delete(key)
        if (bucket?.size === 0) byValue.delete(value)
      }
    },
    of: (value) => [...(byValue.get(value)?.values() ?? [])],
    count: (value) => byValue.get(value)?.size ?? 0,
  }
}
