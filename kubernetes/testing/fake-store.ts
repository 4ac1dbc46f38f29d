import { type KubernetesObject, keyOf, keyText, type ObjectKey, type Resource } from '@trellis/api/meta'

/** One change in the history of a fake API server. */
export interface HistoryEvent {
  readonly resource: string
  readonly version: number
  readonly before: KubernetesObject | undefined
  readonly after: KubernetesObject | undefined
}

/** What a fake API server remembers: the present objects, and how they came to be. Objects in it are never changed in place. */
export interface FakeStore {
  get(resource: Resource<KubernetesObject>, key: ObjectKey): KubernetesObject | undefined
  all(resource: Resource<KubernetesObject>): readonly KubernetesObject[]
  /** Stores an object under a new version, which it returns in the object. */
  put(resource: Resource<KubernetesObject>, object: KubernetesObject): KubernetesObject
  remove(resource: Resource<KubernetesObject>, object: KubernetesObject): KubernetesObject
  version(): number
  /** Changes after a version, in order; undefined when they were forgotten. */
  since(resource: Resource<KubernetesObject>, version: number): readonly HistoryEvent[] | undefined
  /** Forgets the history, as etcd does when it compacts. */
  compact(): void
  /** Calls back after each change. */
  onEvent(listener: (event: HistoryEvent) => void): () => void
}

/** Name of a kind within the store. */
export function resourceName(resource: Resource<KubernetesObject>): string {
  return `${resource.group}/${resource.plural}`
}

interface Kind {
  readonly objects: Map<string, KubernetesObject>
  /** The objects by key, until one changes: they are asked for far more often than they change. */
  inOrder: readonly KubernetesObject[] | undefined
}

/** Makes an empty store. */
export function createFakeStore(): FakeStore {
  const kinds = new Map<string, Kind>()
  const listeners = new Set<(event: HistoryEvent) => void>()
  let history: HistoryEvent[] = []
  let version = 100
  let compacted = 0

  const kind = (resource: Resource<KubernetesObject>) => {
    const name = resourceName(resource)
    const present = kinds.get(name)
    if (present !== undefined) return present
    const made: Kind = { objects: new Map(), inOrder: undefined }
    kinds.set(name, made)
    return made
  }
  const record = (
    resource: Resource<KubernetesObject>,
    before: KubernetesObject | undefined,
    after: KubernetesObject | undefined,
  ) => {
    const event = { resource: resourceName(resource), version, before, after }
    history.push(event)
    for (const listener of [...listeners]) listener(event)
  }
  const versioned = (object: KubernetesObject): KubernetesObject => {
    version += 1
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } }
  }
  return {
    get: (resource, key) => kind(resource).objects.get(keyText(key)),
    all: (resource) => {
      const of = kind(resource)
      of.inOrder ??= [...of.objects].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, object]) => object)
      return of.inOrder
    },
    put: (resource, object) => {
      const key = keyText(keyOf(object))
      const of = kind(resource)
      const before = of.objects.get(key)
      const after = versioned(object)
      of.objects.set(key, after)
      of.inOrder = undefined
      record(resource, before, after)
      return after
    },
    remove: (resource, object) => {
      const before = versioned(object)
      const of = kind(resource)
      of.objects.delete(keyText(keyOf(object)))
      of.inOrder = undefined
      record(resource, before, undefined)
      return before
    },
    version: () => version,
    since: (resource, from) =>
      from < compacted ? undefined : later(history, from).filter((event) => event.resource === resourceName(resource)),
    compact: () => {
      compacted = version
      history = []
    },
    onEvent: (listener) => {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
  }
}

/** The events after a version; watchers are nearly always up to date, so the search begins at the end. */
function later(history: readonly HistoryEvent[], version: number): readonly HistoryEvent[] {
  let begin = history.length
  while (begin > 0 && (history[begin - 1]?.version ?? 0) > version) begin--
  return history.slice(begin)
}
