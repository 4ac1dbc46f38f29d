import type { KubernetesObject, Resource } from '../meta.ts'

/** A namespaced kind of the core group. */
export function coreResource<Kind extends KubernetesObject>(kind: string, plural: string): Resource<Kind> {
  return { group: '', version: 'v1', kind, plural, namespaced: true }
}

/** A condition as the built-in kinds report it. */
export interface CoreCondition {
  type: string
  status: 'True' | 'False' | 'Unknown'
  reason?: string
  message?: string
  lastTransitionTime?: string | null
}

/** Names an object from an event, a claim reference and the like. */
export interface ObjectReference {
  apiVersion?: string
  kind?: string
  namespace?: string
  name?: string
  uid?: string
  resourceVersion?: string
  fieldPath?: string
}

/** Amounts by resource name, as in `{cpu: '2', memory: '4Gi'}`. */
export type Quantities = Record<string, number | string>
