import type { KubernetesObject } from '@trellis/api/meta'
import type { Clock, Timer } from '@trellis/foundation/clock'
import type { KubernetesEvent, Occurrence } from './event-kind.ts'

/** One event and how often it happened. */
export interface EventEntry {
  readonly event: KubernetesEvent
  /** How often it happened, and when last. */
  count: number
  lastAt: number
}

/** Decides which occurrences are new events and which are repeats. */
export interface EventBook {
  note(regarding: KubernetesObject, occurrence: Occurrence, make: (note: string) => KubernetesEvent): void
  /** Sends the counts that wait for more repeats. */
  writeCounts(): void
}

/** Different events remembered, so that repeats are counted instead of written anew. */
const rememberedEvents = 1_000
/** A repeat after this much silence is a new event. */
const seriesMilliseconds = 6 * 60_000
/** Repeats are counted for this long before the count is written. */
const countMilliseconds = 10_000
/** Different notes of one reason about one object before they are combined. */
const differentNotes = 10

/** Makes an empty book; `send` is called for a new event at once and for a repeated one every few seconds. */
export function createEventBook(send: (entry: EventEntry) => void, clock: Clock): EventBook {
  const entries = new Map<string, EventEntry>()
  const waiting = new Map<EventEntry, Timer>()
  const groups = new Map<string, { readonly notes: Set<string>; lastAt: number }>()

  const write = (entry: EventEntry) => {
    waiting.get(entry)?.cancel()
    waiting.delete(entry)
    send(entry)
  }
  /** Whether this note is one too many of its group. */
  const isCombined = (group: string, note: string): boolean => {
    const known = groups.get(group)
    const fresh = known === undefined || clock.now() - known.lastAt > seriesMilliseconds
    const state = fresh ? { notes: new Set<string>(), lastAt: 0 } : known
    state.lastAt = clock.now()
    remember(groups, group, state)
    if (state.notes.has(note)) return false
    if (state.notes.size >= differentNotes) return true
    state.notes.add(note)
    return false
  }
  return {
    note: (regarding, occurrence, make) => {
      const group = groupOf(regarding, occurrence)
      const combined = isCombined(group, occurrence.note)
      const name = combined ? group : `${group} ${occurrence.note}`
      const known = entries.get(name)
      const now = clock.now()
      if (known !== undefined && now - known.lastAt <= seriesMilliseconds) {
        known.count += 1
        known.lastAt = now
        if (waiting.has(known)) return
        waiting.set(
          known,
          clock.setTimer(countMilliseconds, () => write(known), { unref: true }),
        )
        return
      }
      const note = combined ? `(combined from similar events) ${occurrence.note}` : occurrence.note
      const entry = { event: make(note), count: 1, lastAt: now }
      remember(entries, name, entry)
      send(entry)
    },
    writeCounts: () => {
      for (const entry of [...waiting.keys()]) write(entry)
    },
  }
}

function groupOf({ metadata, kind, apiVersion }: KubernetesObject, { type, reason, action }: Occurrence): string {
  return JSON.stringify([apiVersion, kind, metadata.namespace, metadata.name, metadata.uid, type, reason, action])
}

/** Puts a value at the young end of a map and drops the oldest when there are too many. */
function remember<Value>(map: Map<string, Value>, name: string, value: Value): void {
  map.delete(name)
  map.set(name, value)
  if (map.size <= rememberedEvents) return
  for (const oldest of map.keys()) {
    map.delete(oldest)
    return
  }
}
