import type { KubernetesObject } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import { describe } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client } from './client.ts'
import { createEventBook } from './event-book.ts'
import type { ObjectReference, Occurrence } from './event-kind.ts'
import { createEventSender } from './event-sender.ts'
import { microTime } from './micro-time.ts'

/** Writes events beside the work. */
export interface EventRecorder extends AsyncDisposable {
  /** Notes an occurrence and returns at once. Never throws; when too many wait already, the newest is dropped. */
  record(regarding: KubernetesObject, occurrence: Occurrence): void
  /** Resolves once everything noted so far has been sent or given up. */
  flush(): Promise<void>
}

/** What a recorder is made of. */
export interface EventRecorderOptions {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Our name, as `trellis.cloud/mcm`. */
  readonly component: string
  /** This process among its replicas; the component unless told. */
  readonly instance?: string
}

/** Makes a recorder. Repeats are counted in one event's series; many different notes of one reason are combined. */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { clock, random } = options
  const sender = createEventSender(options)
  const book = createEventBook((entry) => sender.send(entry), clock)
  const instance = options.instance ?? options.component
  return {
    record: (regarding, occurrence) => {
      try {
        book.note(regarding, occurrence, (note) => ({
          apiVersion: 'events.k8s.io/v1',
          kind: 'Event',
          metadata: eventKey(regarding, random),
          eventTime: microTime(clock.now()),
          type: occurrence.type,
          reason: occurrence.reason.slice(0, 128),
          action: (occurrence.action ?? occurrence.reason).slice(0, 128),
          note: shortened(note),
          regarding: referenceTo(regarding),
          ...(occurrence.related === undefined ? {} : { related: referenceTo(occurrence.related) }),
          reportingController: options.component,
          reportingInstance: instance.slice(0, 128),
        }))
      } catch (error) {
        options.log.warn({ error: describe(error), reason: occurrence.reason }, 'an event could not be noted')
      }
    },
    flush: async () => {
      book.writeCounts()
      await sender.idle()
    },
    [Symbol.asyncDispose]: async () => {
      book.writeCounts()
      await sender.idle()
    },
  }
}

function referenceTo(object: KubernetesObject): ObjectReference {
  const { name, namespace, uid, resourceVersion } = object.metadata
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  }
}

/** Events of objects without a namespace live in `default`. Not every name of an object is a name that an event may bear. */
function eventKey(regarding: KubernetesObject, random: Random): KubernetesObject['metadata'] {
  const base = regarding.metadata.name.toLowerCase().replaceAll(/[^a-z0-9.-]/g, '-')
  const name = `${base.slice(0, 200).replace(/^[.-]+|[.-]+$/g, '') || 'event'}.${random.text(16)}`
  return { namespace: regarding.metadata.namespace ?? 'default', name }
}

/** API servers refuse more than 1024 bytes. */
function shortened(note: string): string {
  const bytes = Buffer.from(note)
  return bytes.length <= 1024 ? note : `${bytes.subarray(0, 1015).toString()}…`
}
