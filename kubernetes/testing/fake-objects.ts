import { isDeepStrictEqual } from 'node:util'
import { apiVersionOf, type KubernetesObject, keyOf, type ObjectKey, type Resource } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import type { Random } from '@trellis/foundation/random'
import { creationPath, objectPath } from '../src/paths.ts'
import type { FakeStore } from './fake-store.ts'

/** The writing half of a fake API server: what it makes of objects on their way in. */
export interface FakeObjects {
  /** Throws `NotFound` when there is no such object. */
  need(resource: Resource<KubernetesObject>, key: ObjectKey): KubernetesObject
  create(resource: Resource<KubernetesObject>, object: KubernetesObject): KubernetesObject
  /** Stores the next state of an object that exists; the status or all but the status of it. */
  update(
    resource: Resource<KubernetesObject>,
    object: KubernetesObject,
    subresource: string | undefined,
  ): KubernetesObject
  delete(resource: Resource<KubernetesObject>, object: KubernetesObject): void
}

type Content = KubernetesObject & { readonly status?: unknown; readonly spec?: unknown }

const subdomain = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/

/** Makes that half over a store. */
export function createFakeObjects(clock: Clock, random: Random, store: FakeStore): FakeObjects {
  const now = () => `${new Date(clock.now()).toISOString().slice(0, 19)}Z`

  const need = (resource: Resource<KubernetesObject>, key: ObjectKey) => {
    objectPath(resource, key)
    const object = store.get(resource, key)
    if (object === undefined) throw new Failure('NotFound', `${resource.plural} "${key.name}" not found`)
    return object
  }
  const create = (resource: Resource<KubernetesObject>, object: KubernetesObject) => {
    creationPath(resource, object.metadata.namespace)
    const { generateName } = object.metadata
    const name = object.metadata.name || (generateName === undefined ? '' : `${generateName}${random.text(5)}`)
    requireName(resource, name)
    if (object.metadata.resourceVersion) {
      throw new Failure('Invalid', 'resourceVersion should not be set on objects to be created')
    }
    const key = { namespace: resource.namespaced ? object.metadata.namespace : undefined, name }
    if (store.get(resource, key) !== undefined) {
      throw new Failure('Conflict', `${resource.plural} "${name}" already exists`)
    }
    const { deletionTimestamp: _, namespace: __, ...metadata } = object.metadata
    return store.put(resource, {
      ...(resource.group === '' ? object : withoutStatus(object)),
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
      metadata: {
        ...metadata,
        name,
        ...(key.namespace === undefined ? {} : { namespace: key.namespace }),
        uid: identifier(random),
        creationTimestamp: now(),
        generation: 1,
      },
    })
  }
  const update = (
    resource: Resource<KubernetesObject>,
    object: KubernetesObject,
    subresource: string | undefined,
  ): KubernetesObject => {
    const live = need(resource, keyOf(object))
    if (isCustom(resource) && !object.metadata.resourceVersion) {
      throw new Failure('Invalid', 'must be specified for an update', { field: 'metadata.resourceVersion' })
    }
    guard(resource, live, object)
    requireNoNewFinalizers(live, object, subresource)
    const next = merged(live, object, subresource)
    if (isDeepStrictEqual(next, live)) return live
    if (next.metadata.deletionTimestamp !== undefined && (next.metadata.finalizers ?? []).length === 0) {
      return store.remove(resource, next)
    }
    return store.put(resource, next)
  }
  return {
    need,
    create,
    update,
    delete: (resource, object) => {
      if ((object.metadata.finalizers ?? []).length === 0) store.remove(resource, object)
      else if (object.metadata.deletionTimestamp === undefined) store.put(resource, dying(object, now()))
    },
  }
}

function dying(object: KubernetesObject, deletionTimestamp: string): KubernetesObject {
  const generation = (object.metadata.generation ?? 0) + 1
  const marks = { deletionTimestamp, deletionGracePeriodSeconds: 0, generation }
  return { ...object, metadata: { ...object.metadata, ...marks } }
}

/** Groups of our own have a domain; those of Kubernetes have none, or one of its own. */
function isCustom({ group }: Resource<KubernetesObject>): boolean {
  return group.includes('.') && !group.endsWith('.k8s.io')
}

function requireName(resource: Resource<KubernetesObject>, name: string): void {
  if (name.length <= 253 && subdomain.test(name)) return
  throw new Failure('Invalid', `${resource.kind} "${name}" is invalid`, { field: 'metadata.name' })
}

/** What is being deleted takes no further guardian. */
function requireNoNewFinalizers(live: KubernetesObject, next: KubernetesObject, subresource: string | undefined): void {
  if (subresource !== undefined || live.metadata.deletionTimestamp === undefined) return
  const present = live.metadata.finalizers ?? []
  if ((next.metadata.finalizers ?? []).every((name) => present.includes(name))) return
  const detail = { field: 'metadata.finalizers' }
  throw new Failure('Invalid', 'no new finalizers can be added if the object is being deleted', detail)
}

/** Refuses an update of another incarnation or of a state that is not the latest. */
function guard(resource: Resource<KubernetesObject>, live: KubernetesObject, next: KubernetesObject): void {
  const { resourceVersion, uid } = next.metadata
  const stale = Boolean(resourceVersion) && resourceVersion !== live.metadata.resourceVersion
  const other = Boolean(uid) && uid !== live.metadata.uid
  if (stale || other) {
    throw new Failure('Conflict', `${resource.plural} "${live.metadata.name}": the object has been modified`)
  }
}

/** The next state of an object: what the client may set from the one sent, what the server owns from the live one. */
function merged(live: Content, sent: Content, subresource: string | undefined): KubernetesObject {
  if (subresource === 'status') return { ...withoutStatus(live), ...statusOf(sent), metadata: live.metadata }
  const { uid, resourceVersion, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds } = live.metadata
  const { deletionTimestamp: _, deletionGracePeriodSeconds: __, ...free } = sent.metadata
  const owned = { uid, resourceVersion, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds }
  const next = { ...withoutStatus(sent), ...statusOf(live), apiVersion: live.apiVersion, kind: live.kind }
  const changed = !isDeepStrictEqual(withoutMetadata(next), withoutMetadata(live))
  return {
    ...next,
    metadata: { ...free, ...defined(owned), generation: (live.metadata.generation ?? 0) + (changed ? 1 : 0) },
  }
}

function withoutStatus(object: Content): KubernetesObject {
  const { status: _, ...rest } = object
  return rest
}

function statusOf(object: Content): object {
  return object.status === undefined ? {} : { status: object.status }
}

function withoutMetadata(object: KubernetesObject): object {
  const { metadata: _, ...rest } = object
  return rest
}

type Defined<Fields> = { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> }

function defined<Fields extends object>(fields: Fields): Defined<Fields> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<Fields>
}

function identifier(random: Random): string {
  const hex = random.bytes(16).toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
