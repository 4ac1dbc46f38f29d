import { keyOf } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import { describe, isFailure } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { retry } from '@trellis/foundation/retry'
import type { Client } from './client.ts'
import type { EventEntry } from './event-book.ts'
import { events, type KubernetesEvent } from './event-kind.ts'
import { microTime } from './micro-time.ts'

/** Sends events one after another. */
export interface EventSender {
  /** Sends an event, or the count of one that was sent before. Never throws; drops it when too many wait already. */
  send(entry: EventEntry): void
  /** Resolves once nothing waits. */
  idle(): Promise<void>
}

/** What a sender is made of. */
export interface EventSenderOptions {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** Events that wait to be sent. */
const waitingEvents = 500
/** An event that cannot be sent for this long is given up. */
const deadlineMilliseconds = 30_000
const backoff = { firstMilliseconds: 500, longestMilliseconds: 10_000 }

/** Makes a sender. */
export function createEventSender(options: EventSenderOptions): EventSender {
  const { client, clock, random, log } = options
  const waiting = new Set<EventEntry>()
  const written = new WeakSet<EventEntry>()
  let pump: Promise<void> | undefined

  const write = async (entry: EventEntry): Promise<void> => {
    const { event, count, lastAt } = entry
    const series = count > 1 ? { series: { count, lastObservedTime: microTime(lastAt) } } : {}
    if (written.has(entry)) {
      try {
        await client.patch(events, keyOf(event), series)
        return
      } catch (error) {
        // Events are kept for about an hour: one that has gone meanwhile is written anew.
        if (!isFailure(error, 'NotFound')) throw error
      }
    }
    await createOnce(client, { ...event, ...series })
    written.add(entry)
  }
  const drain = async (): Promise<void> => {
    for (const entry of waiting) {
      waiting.delete(entry)
      try {
        await retry(() => write(entry), { clock, random, backoff, deadlineMilliseconds })
      } catch (error) {
        log.warn({ error: describe(error), reason: entry.event.reason }, 'an event could not be written')
      }
    }
    pump = undefined
  }
  return {
    send: (entry) => {
      if (waiting.size >= waitingEvents) {
        log.warn({ reason: entry.event.reason }, 'too many events wait, and one is dropped')
        return
      }
      waiting.add(entry)
      pump ??= Promise.resolve().then(drain)
    },
    idle: async () => {
      while (pump !== undefined) await pump
    },
  }
}

/** A name that is taken was taken by an earlier try of ours, whose answer was lost. */
async function createOnce(client: Client, event: KubernetesEvent): Promise<void> {
  try {
    await client.create(events, event)
  } catch (error) {
    if (!isFailure(error, 'Conflict')) throw error
  }
}
