import {
  apiVersionOf,
  type KubernetesList,
  type KubernetesObject,
  keyOf,
  type ObjectKey,
  type Resource,
} from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import { type CommandRunner, createCommandRunner } from '@trellis/foundation/command'
import { isFailure } from '@trellis/foundation/failure'
import { createRequests, type RequestObservation, type Requests, withKind } from './client-requests.ts'
import { createWatcher } from './client-watch.ts'
import { createCredentials } from './credentials.ts'
import type { Kubeconfig } from './kubeconfig.ts'
import { collectionPath, creationPath, objectPath, withQuery } from './paths.ts'
import { createRateLimiter, type RequestLimit } from './rate-limit.ts'
import { createTransport } from './transport.ts'

/** Which objects a list or watch covers. */
export interface Selection {
  /** One namespace; all of them when absent. */
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly fieldSelector?: string | undefined
}

/** How a list is read. */
export interface ListOptions extends Selection {
  /** Objects a page; unpaged when absent. */
  readonly limit?: number
  readonly continue?: string
  readonly resourceVersion?: string
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan'
  readonly signal?: AbortSignal
}

/** How a watch begins and how long the server keeps it. */
export interface WatchOptions extends Selection {
  readonly resourceVersion?: string
  readonly allowBookmarks?: boolean
  readonly sendInitialEvents?: boolean
  readonly timeoutSeconds?: number
  readonly signal?: AbortSignal
}

/** One line of a watch. */
export interface WatchEvent<Kind extends KubernetesObject> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'
  readonly object: Kind
}

/** The media type of a patch, by its usual name. `apply` is not here: see {@link Client.apply}. */
export type PatchType = 'json' | 'merge' | 'strategic'

/** How an object is deleted. */
export interface DeleteOptions {
  readonly gracePeriodSeconds?: number
  readonly propagationPolicy?: 'Foreground' | 'Background' | 'Orphan'
  readonly uid?: string
  readonly resourceVersion?: string
}

/** A request that no other method covers, such as an eviction or `/readyz`. */
export interface RawRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Path with query, as in `/readyz` or `/api/v1/namespaces/a/pods/b/eviction`. */
  readonly path: string
  readonly body?: unknown
  readonly contentType?: string
  readonly signal?: AbortSignal
  /** For the whole exchange; 35 s unless told. */
  readonly timeoutMilliseconds?: number
}

/** What a server said, unless it was an error. */
export interface RawResponse {
  readonly status: number
  readonly body: string
}

/**
 * One API server. Objects are plain JSON. Every method throws a `Failure` of the closed kinds:
 * 404 `NotFound`, 409 `Conflict`, 400/422 `Invalid` (with the field of the first cause), 401 `Unauthorized`, 403 `Forbidden`, 410 `Gone`,
 * 429 `Throttled` (with Retry-After), 5xx, timeouts and broken connections `Unavailable`.
 */
export interface Client {
  get<Kind extends KubernetesObject>(resource: Resource<Kind>, key: ObjectKey): Promise<Kind>
  /** As `get`, but undefined when there is no such object. */
  find<Kind extends KubernetesObject>(resource: Resource<Kind>, key: ObjectKey): Promise<Kind | undefined>
  list<Kind extends KubernetesObject>(resource: Resource<Kind>, options?: ListOptions): Promise<KubernetesList<Kind>>
  /**
   * Ends when the server closes the watch or the signal aborts; throws `Gone` on 410 (also as an ERROR event) and `Unavailable` on a
   * broken connection, on half an event, and when bookmarks were asked for and nothing at all came for three minutes.
   */
  watch<Kind extends KubernetesObject>(resource: Resource<Kind>, options: WatchOptions): AsyncIterable<WatchEvent<Kind>>
  create<Kind extends KubernetesObject>(resource: Resource<Kind>, object: Kind): Promise<Kind>
  /** Replaces the whole object; a `metadata.resourceVersion` in it guards against lost updates. Custom resources must carry one. */
  replace<Kind extends KubernetesObject>(resource: Resource<Kind>, object: Kind): Promise<Kind>
  replaceStatus<Kind extends KubernetesObject>(resource: Resource<Kind>, object: Kind): Promise<Kind>
  patch<Kind extends KubernetesObject>(
    resource: Resource<Kind>,
    key: ObjectKey,
    patch: unknown,
    options?: { readonly type?: PatchType; readonly subresource?: string },
  ): Promise<Kind>
  /** Server-side apply by this client's field manager; conflicts are forced unless told otherwise. */
  apply<Kind extends KubernetesObject>(
    resource: Resource<Kind>,
    object: Kind,
    options?: { readonly force?: boolean; readonly subresource?: string },
  ): Promise<Kind>
  /** Asks for deletion; an object that does not exist is success. */
  delete<Kind extends KubernetesObject>(
    resource: Resource<Kind>,
    key: ObjectKey,
    options?: DeleteOptions,
  ): Promise<void>
  request(request: RawRequest): Promise<RawResponse>
}

/** A client that holds connections; disposing drops the idle ones. */
export interface ConnectedClient extends Client, Disposable {}

/** What a client is made of. */
export interface ClientOptions {
  readonly clock: Clock
  readonly kubeconfig: Kubeconfig
  /** Sent with each request, as `program/version`. */
  readonly userAgent: string
  /** Owner of the fields that this client writes; the user agent's program unless told. */
  readonly fieldManager?: string
  /** Runs credential plugins; the machine's programs unless told. */
  readonly runner?: CommandRunner
  /** Holds back requests other than watches; no limit unless told. */
  readonly limit?: RequestLimit
  /** Told of each request other than watches; see `client-prometheus`. */
  readonly observe?: (observation: RequestObservation) => void
}

/** Makes a client of one API server. Nothing is connected before the first request. */
export function createClient(options: ClientOptions): ConnectedClient {
  const { clock, kubeconfig, userAgent } = options
  const runner = options.runner ?? createCommandRunner()
  const transport = createTransport(clock, kubeconfig, createCredentials(clock, kubeconfig, runner))
  const requests = createRequests(transport, {
    clock,
    userAgent,
    host: new URL(kubeconfig.server).host,
    observe: options.observe,
    limiter: options.limit === undefined ? undefined : createRateLimiter(clock, options.limit),
  })
  const fieldManager = options.fieldManager ?? userAgent.split('/')[0] ?? userAgent
  return {
    ...reads(requests),
    watch: createWatcher(clock, transport, userAgent),
    ...writes(requests, fieldManager),
    request: async (raw) => {
      const answer = await requests.text(raw)
      return { status: answer.status, body: answer.body }
    },
    [Symbol.dispose]: () => transport[Symbol.dispose](),
  }
}

function reads(requests: Requests): Pick<Client, 'get' | 'find' | 'list'> {
  const get = async <Kind extends KubernetesObject>(resource: Resource<Kind>, key: ObjectKey) =>
    requests.object<Kind>({ method: 'GET', path: objectPath(resource, key) })
  return {
    get,
    find: async (resource, key) => {
      try {
        return await get(resource, key)
      } catch (error) {
        if (isFailure(error, 'NotFound')) return undefined
        throw error
      }
    },
    list: async <Kind extends KubernetesObject>(resource: Resource<Kind>, options: ListOptions = {}) => {
      const { namespace, signal, ...query } = options
      const path = withQuery(collectionPath(resource, namespace), { ...query })
      const list = await requests.object<KubernetesList<Kind>>({ method: 'GET', path, signal })
      const apiVersion = apiVersionOf(resource)
      return { ...list, items: (list.items ?? []).map((item) => withKind(item, apiVersion, resource.kind)) }
    },
  }
}

const patchTypes: Readonly<Record<PatchType, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
}

type Writes = Pick<Client, 'create' | 'replace' | 'replaceStatus' | 'patch' | 'apply' | 'delete'>

function writes(requests: Requests, fieldManager: string): Writes {
  const replace = async <Kind extends KubernetesObject>(resource: Resource<Kind>, object: Kind, subresource?: string) =>
    requests.object<Kind>({
      method: 'PUT',
      path: withQuery(objectPath(resource, keyOf(object), subresource), { fieldManager }),
      body: withKind(object, apiVersionOf(resource), resource.kind),
    })
  return {
    create: async (resource, object) =>
      requests.object({
        method: 'POST',
        path: withQuery(creationPath(resource, object.metadata.namespace), { fieldManager }),
        body: withKind(object, apiVersionOf(resource), resource.kind),
      }),
    replace: (resource, object) => replace(resource, object),
    replaceStatus: (resource, object) => replace(resource, object, 'status'),
    patch: async (resource, key, patch, options = {}) =>
      requests.object({
        method: 'PATCH',
        path: withQuery(objectPath(resource, key, options.subresource), { fieldManager }),
        body: patch,
        contentType: patchTypes[options.type ?? 'merge'],
      }),
    apply: async (resource, object, options = {}) =>
      requests.object({
        method: 'PATCH',
        path: withQuery(objectPath(resource, keyOf(object), options.subresource), {
          fieldManager,
          force: options.force ?? true,
        }),
        body: applied(withKind(object, apiVersionOf(resource), resource.kind)),
        contentType: 'application/apply-patch+yaml',
      }),
    delete: async (resource, key, options = {}) => {
      try {
        await requests.text({ method: 'DELETE', path: objectPath(resource, key), body: deletion(options) })
      } catch (error) {
        if (!isFailure(error, 'NotFound')) throw error
      }
    },
  }
}

/** The server refuses to apply an object that carries its own account of who owns what. */
function applied(object: KubernetesObject): KubernetesObject {
  const { managedFields: _, ...metadata } = object.metadata as KubernetesObject['metadata'] & {
    readonly managedFields?: unknown
  }
  return { ...object, metadata }
}

function deletion({ uid, resourceVersion, ...options }: DeleteOptions): object {
  const guarded = uid !== undefined || resourceVersion !== undefined
  return {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    ...options,
    ...(guarded ? { preconditions: { uid, resourceVersion } } : {}),
  }
}
