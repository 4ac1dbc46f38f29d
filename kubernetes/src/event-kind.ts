import type { KubernetesObject, Resource } from '@trellis/api/meta'

/** An event as `events.k8s.io` defines it. */
export interface KubernetesEvent extends KubernetesObject {
  eventTime: string
  type: 'Normal' | 'Warning'
  reason: string
  action: string
  note: string
  regarding: ObjectReference
  related?: ObjectReference
  reportingController: string
  reportingInstance: string
  series?: { count: number; lastObservedTime: string }
}

/** Points at an object. */
export interface ObjectReference {
  apiVersion: string
  kind: string
  name: string
  namespace?: string
  uid?: string
  resourceVersion?: string
}

/** Where events are served. */
export const events: Resource<KubernetesEvent> = {
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
}

/** Something that happened to an object, told to people. */
export interface Occurrence {
  readonly type: 'Normal' | 'Warning'
  /** Why, in one CamelCase word. */
  readonly reason: string
  /** What was done or tried, in one CamelCase word; the reason unless told. */
  readonly action?: string
  /** For people; no secrets. */
  readonly note: string
  readonly related?: KubernetesObject
}
