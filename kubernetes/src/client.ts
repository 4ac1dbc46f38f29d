import type { KubernetesList, KubernetesObject, ObjectKey, Resource } from '@trellis/api/meta'

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
}

/** What a server said, unless it was an error. */
export interface RawResponse {
  readonly status: number
  readonly body: string
}

/**
 * One API server. Objects are plain JSON. Every method throws a `Failure` of the closed kinds:
 * 404 `NotFound`, 409 `Conflict`, 400/422 `Invalid` (with the field of the first cause), 401/403 `Unauthorized`, 410 `Gone`,
 * 429 `Throttled` (with Retry-After), 5xx, timeouts and broken connections `Unavailable`.
 */
export interface Client {
  get<Kind extends KubernetesObject>(resource: Resource<Kind>, key: ObjectKey): Promise<Kind>
  /** As `get`, but undefined when there is no such object. */
  find<Kind extends KubernetesObject>(resource: Resource<Kind>, key: ObjectKey): Promise<Kind | undefined>
  list<Kind extends KubernetesObject>(resource: Resource<Kind>, options?: ListOptions): Promise<KubernetesList<Kind>>
  /** Ends when the server closes the watch; throws `Gone` on 410 (also as an ERROR event) and `Unavailable` on a broken connection. */
  watch<Kind extends KubernetesObject>(resource: Resource<Kind>, options: WatchOptions): AsyncIterable<WatchEvent<Kind>>
  create<Kind extends KubernetesObject>(resource: Resource<Kind>, object: Kind): Promise<Kind>
  /** Replaces the whole object; a `metadata.resourceVersion` in it guards against lost updates. */
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
