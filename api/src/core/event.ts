import type { KubernetesObject, Resource } from '../meta.ts'
import { coreResource, type ObjectReference } from './common.ts'

/** Something that happened to an object (`events.k8s.io/v1`). */
export interface Event extends KubernetesObject {
  /** When it first happened, with microseconds; must be set. */
  eventTime: string | null
  type?: 'Normal' | 'Warning'
  reason?: string
  note?: string
  action?: string
  regarding?: ObjectReference
  related?: ObjectReference
  reportingController?: string
  reportingInstance?: string
  series?: { count: number; lastObservedTime: string }
  deprecatedCount?: number
  deprecatedFirstTimestamp?: string | null
  deprecatedLastTimestamp?: string | null
}

/** The same in the core group (`v1`), as `kubectl get events` shows it. */
export interface CoreEvent extends KubernetesObject {
  involvedObject: ObjectReference
  type?: string
  reason?: string
  message?: string
  count?: number
  action?: string
  source?: { component?: string; host?: string }
  reportingComponent?: string
  reportingInstance?: string
  eventTime?: string | null
  firstTimestamp?: string | null
  lastTimestamp?: string | null
  series?: { count: number; lastObservedTime: string }
}

/** Where events are served. */
export const events: Resource<Event> = {
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
}
/** Where events of the core group are served. */
export const coreEvents: Resource<CoreEvent> = coreResource('Event', 'events')
