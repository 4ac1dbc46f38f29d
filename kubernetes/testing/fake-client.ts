import {
  apiVersionOf,
  type KubernetesList,
  type KubernetesObject,
  keyOf,
  keyText,
  type ObjectKey,
  type Resource,
} from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import type { Random } from '@trellis/foundation/random'
import type { Client, DeleteOptions, ListOptions, PatchType, RawRequest, RawResponse } from '../src/client.ts'
import { copyOf } from './copy.ts'
import { createDisruptions } from './fake-disruptions.ts'
import { createFakeObjects, type FakeObjects } from './fake-objects.ts'
import { filterOf } from './fake-selection.ts'
import { createFakeStore, type FakeStore, resourceName } from './fake-store.ts'
import { createFakeWatches } from './fake-watch.ts'
import { applyPatch, jsonPatch, mergePatch, strategicPatch } from './patches.ts'

/** One call of a client's method, as a test sees it. */
export interface FakeCall {
  readonly method: keyof Client
  /** Plural of the kind; the path of a raw request. */
  readonly target: string
  readonly key?: ObjectKey
  readonly subresource?: string
  readonly body?: unknown
}

/** One change that an API server carried out, as it is stored. */
export interface FakeChange {
  /** Plural of the kind. */
  readonly target: string
  readonly before: KubernetesObject | undefined
  readonly after: KubernetesObject | undefined
}

/**
 * An API server in memory behind the client's interface. It passes the same conformance suite as the real one. It does not check schemas,
 * default fields, require namespaces to exist or collect garbage, and under a strategic patch merges no lists but `conditions` and `finalizers`.
 * Grace periods of pods and disruption budgets hold only where it is made `graceful`.
 */
export interface FakeClient extends Client {
  /** Calls made so far, oldest first. */
  readonly calls: readonly FakeCall[]
  /** Asked before each call; what it throws is what the caller gets, and a pending promise delays the call. Returns how to stop. */
  onCall(intercept: (call: FakeCall) => void | Promise<void>): () => void
  /** Answers raw requests that the fake does not know (it knows `/readyz`, `/version` and evictions). */
  onRequest(answer: (request: RawRequest) => RawResponse | undefined): void
  /** Breaks every watch, as a lost connection does. */
  disconnect(): void
  /** Forgets the history: watches that resume from before now, and further pages of lists, are `Gone`. */
  compact(): void
  /** Sends a bookmark to every watch that allows it. */
  bookmark(): void
  /** Watches under way. */
  watchCount(): number
  /** Every object of a kind as it is stored, uncopied and unrecorded: not to be changed. */
  peek<Kind extends KubernetesObject>(resource: Resource<Kind>): readonly Kind[]
  /** Calls back after each change, before any watch tells of it. Returns how to stop. */
  onChange(listener: (change: FakeChange) => void): () => void
}

/** Makes an empty server with one client. */
export function createFakeClient(options: {
  readonly clock: Clock
  readonly random: Random
  readonly fieldManager?: string
  /** Whether pods on nodes end only when their kubelet says so, and evictions ask disruption budgets. */
  readonly graceful?: boolean
}): FakeClient {
  const { clock, random } = options
  const store = createFakeStore()
  const objects = createFakeObjects(clock, random, store)
  const disruptions = options.graceful === true ? createDisruptions(clock, store, objects) : undefined
  const watches = createFakeWatches(clock, store)
  const pages = createPages(store, random)
  const calls: FakeCall[] = []
  const intercepts = new Set<(call: FakeCall) => void | Promise<void>>()
  let answer: (request: RawRequest) => RawResponse | undefined = () => undefined

  const begin = async (call: FakeCall) => {
    calls.push(call)
    for (const intercept of [...intercepts]) await intercept(call)
  }
  const verbs = createVerbs(store, { ...objects, ...disruptions }, begin)
  return {
    ...verbs,
    peek: <Kind extends KubernetesObject>(resource: Resource<Kind>) => store.all(resource) as readonly Kind[],
    onChange: (listener) =>
      store.onEvent(({ resource, before, after }) =>
        listener({ target: resource.slice(resource.indexOf('/') + 1), before, after }),
      ),
    list: async <Kind extends KubernetesObject>(resource: Resource<Kind>, list: ListOptions = {}) => {
      await begin({ method: 'list', target: resource.plural })
      return copyOf(pages.list(resource, list)) as KubernetesList<Kind>
    },
    watch: async function* <Kind extends KubernetesObject>(resource: Resource<Kind>, watch = {}) {
      await begin({ method: 'watch', target: resource.plural })
      for await (const { type, object } of watches.watch(resource, watch)) yield { type, object: object as Kind }
    },
    request: async (request) => {
      await begin({ method: 'request', target: request.path, body: request.body })
      return answer(request) ?? disruptions?.answer(request) ?? answerKnown(request, verbs)
    },
    calls,
    onCall: (intercept) => {
      intercepts.add(intercept)
      return () => {
        intercepts.delete(intercept)
      }
    },
    onRequest: (next) => {
      answer = next
    },
    disconnect: watches.disconnect,
    compact: () => {
      store.compact()
      pages.forget()
    },
    bookmark: watches.bookmark,
    watchCount: watches.count,
  }
}

type Writer = Omit<FakeObjects, 'delete'> & {
  delete(resource: Resource<KubernetesObject>, object: KubernetesObject, options?: DeleteOptions): void
}

type Verbs = Pick<Client, 'get' | 'find' | 'create' | 'replace' | 'replaceStatus' | 'patch' | 'apply' | 'delete'>
type Begin = (call: FakeCall) => Promise<void>

function createVerbs(store: FakeStore, objects: Writer, begin: Begin): Verbs {
  const applied = new Map<string, KubernetesObject>()
  const out = <Kind extends KubernetesObject>(object: KubernetesObject) => copyOf(object) as Kind
  const replace = async <Kind extends KubernetesObject>(
    method: 'replace' | 'replaceStatus',
    resource: Resource<Kind>,
    object: Kind,
  ) => {
    await begin({ method, target: resource.plural, key: keyOf(object), body: object })
    return out<Kind>(objects.update(resource, copyOf(object), method === 'replace' ? undefined : 'status'))
  }
  return {
    get: async (resource, key) => {
      await begin({ method: 'get', target: resource.plural, key })
      return out(objects.need(resource, key))
    },
    find: async (resource, key) => {
      await begin({ method: 'find', target: resource.plural, key })
      const object = store.get(resource, key)
      return object === undefined ? undefined : out(object)
    },
    create: async (resource, object) => {
      await begin({ method: 'create', target: resource.plural, key: keyOf(object), body: object })
      return out(objects.create(resource, copyOf(object)))
    },
    replace: (resource, object) => replace('replace', resource, object),
    replaceStatus: (resource, object) => replace('replaceStatus', resource, object),
    patch: async (resource, key, patch, { type = 'merge', subresource } = {}) => {
      await begin({ method: 'patch', target: resource.plural, key, body: patch, ...(subresource && { subresource }) })
      const live = objects.need(resource, key)
      return out(objects.update(resource, patched(live, copyOf(patch), type), subresource))
    },
    apply: async (resource, object, { subresource } = {}) => {
      const key = keyOf(object)
      await begin({ method: 'apply', target: resource.plural, key, body: object, ...(subresource && { subresource }) })
      const name = `${resourceName(resource)} ${keyText(key)} ${subresource ?? ''}`
      const live = store.get(resource, key)
      const previous = live === undefined ? undefined : applied.get(name)
      applied.set(name, copyOf(object))
      if (live === undefined) return out(objects.create(resource, copyOf(object)))
      const next = applyPatch(live, previous, copyOf(object)) as KubernetesObject
      return out(objects.update(resource, next, subresource))
    },
    delete: async (resource, key, options = {}) => {
      await begin({ method: 'delete', target: resource.plural, key, body: options })
      const live = store.get(resource, key)
      if (live === undefined) return
      requirePreconditions(live, options)
      objects.delete(resource, live, options)
    },
  }
}

function patched(live: KubernetesObject, patch: unknown, type: PatchType): KubernetesObject {
  const apply = { json: jsonPatch, merge: mergePatch, strategic: strategicPatch }[type]
  return apply(live, patch) as KubernetesObject
}

function requirePreconditions(live: KubernetesObject, { uid, resourceVersion }: DeleteOptions): void {
  if (uid !== undefined && uid !== live.metadata.uid) {
    throw new Failure('Conflict', `precondition failed: the uid is ${live.metadata.uid}`)
  }
  if (resourceVersion !== undefined && resourceVersion !== live.metadata.resourceVersion) {
    throw new Failure('Conflict', `precondition failed: the resource version is ${live.metadata.resourceVersion}`)
  }
}

interface Pages {
  list(resource: Resource<KubernetesObject>, options: ListOptions): KubernetesList<KubernetesObject>
  forget(): void
}

/** Lists whose later pages show the moment of the first. */
function createPages(store: FakeStore, random: Random): Pages {
  const rests = new Map<string, { readonly items: readonly KubernetesObject[]; readonly version: string }>()
  return {
    forget: () => rests.clear(),
    list: (resource, options) => {
      const { limit, continue: token } = options
      const filter = filterOf(options)
      const fresh = { items: store.all(resource).filter(filter), version: String(store.version()) }
      const rest = token === undefined ? fresh : rests.get(token)
      if (rest === undefined) throw new Failure('Gone', 'the continue token is too old')
      const items = limit === undefined ? rest.items : rest.items.slice(0, limit)
      const remaining = rest.items.slice(items.length)
      const next = remaining.length === 0 ? undefined : random.text(16)
      if (next !== undefined) rests.set(next, { items: remaining, version: rest.version })
      return {
        apiVersion: apiVersionOf(resource),
        kind: `${resource.kind}List`,
        metadata: {
          resourceVersion: rest.version,
          ...(next === undefined ? {} : { continue: next, remainingItemCount: remaining.length }),
        },
        items: [...items],
      }
    },
  }
}

const pods: Resource<KubernetesObject> = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true }

async function answerKnown(request: RawRequest, verbs: Verbs): Promise<RawResponse> {
  const path = request.path.split('?')[0] ?? ''
  const [, namespace, name] = /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)\/eviction$/.exec(path) ?? []
  if (name !== undefined && request.method === 'POST') {
    await verbs.get(pods, { namespace, name })
    await verbs.delete(pods, { namespace, name })
    return { status: 201, body: '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","code":201}' }
  }
  if (request.method === 'GET' && /^\/(readyz|livez|healthz)$/.test(path)) return { status: 200, body: 'ok' }
  if (request.method === 'GET' && path === '/version') {
    return { status: 200, body: '{"major":"1","minor":"37","gitVersion":"v1.37.2"}' }
  }
  throw new Failure('Unimplemented', `the fake client does not serve ${request.method} ${path}`)
}
