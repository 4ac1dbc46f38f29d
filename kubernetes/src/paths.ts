import type { KubernetesObject, ObjectKey, Resource } from '@trellis/api/meta'
import { Failure } from '@trellis/foundation/failure'

/** Values of a query; undefined ones are left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** Path of all objects of a kind, in one namespace or in all. */
export function collectionPath(resource: Resource<KubernetesObject>, namespace: string | undefined): string {
  const root = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`
  if (!resource.namespaced || namespace === undefined) return `${root}/${resource.plural}`
  return `${root}/namespaces/${encodeURIComponent(namespace)}/${resource.plural}`
}

/** Path of one object or one of its subresources. Throws `Invalid` when the key lacks what the kind needs. */
export function objectPath(resource: Resource<KubernetesObject>, key: ObjectKey, subresource?: string): string {
  if (key.name === '' || key.name === undefined) {
    throw new Failure('Invalid', `a ${resource.kind} needs a name`, { field: 'metadata.name' })
  }
  const path = `${creationPath(resource, key.namespace)}/${encodeURIComponent(key.name)}`
  return subresource === undefined ? path : `${path}/${subresource}`
}

/** Path to which an object is posted: a namespaced kind needs its namespace. */
export function creationPath(resource: Resource<KubernetesObject>, namespace: string | undefined): string {
  if (resource.namespaced && (namespace === undefined || namespace === '')) {
    throw new Failure('Invalid', `a ${resource.kind} needs a namespace`, { field: 'metadata.namespace' })
  }
  return collectionPath(resource, namespace)
}

/** Adds a query to a path. */
export function withQuery(path: string, query: Query): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) search.set(name, String(value))
  }
  return search.size === 0 ? path : `${path}?${search}`
}
