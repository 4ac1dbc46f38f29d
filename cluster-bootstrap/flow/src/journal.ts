import type { Json } from './output.ts'

/** One thing that happened to a run. Instants are milliseconds since the Unix epoch. */
export type JournalEvent =
  | { readonly kind: 'run-started'; readonly at: number; readonly run: string; readonly flow: string }
  | { readonly kind: 'task-started'; readonly at: number; readonly task: string }
  | {
      readonly kind: 'task-retried'
      readonly at: number
      readonly task: string
      readonly tries: number
      readonly error: string
    }
  | {
      readonly kind: 'task-succeeded'
      readonly at: number
      readonly task: string
      readonly tries: number
      readonly output?: Json
    }
  | {
      readonly kind: 'task-failed'
      readonly at: number
      readonly task: string
      readonly tries: number
      readonly error: string
    }
  | { readonly kind: 'task-skipped'; readonly at: number; readonly task: string }
  | { readonly kind: 'task-undone'; readonly at: number; readonly task: string }
  | {
      readonly kind: 'run-finished'
      readonly at: number
      readonly run: string
      readonly outcome: 'succeeded' | 'failed'
    }

/** Where a run writes down what happened. An event is durable once `append` has resolved; events keep the order of the calls. */
export interface Journal {
  load(): Promise<readonly JournalEvent[]>
  append(event: JournalEvent): Promise<void>
}

/** A journal that lives as long as the process. */
export function createMemoryJournal(events: readonly JournalEvent[] = []): Journal {
  const kept: JournalEvent[] = [...events]
  return {
    load: async () => [...kept],
    append: async (event) => void kept.push(event),
  }
}

const kinds: ReadonlySet<string> = new Set<JournalEvent['kind']>([
  'run-started',
  'task-started',
  'task-retried',
  'task-succeeded',
  'task-failed',
  'task-skipped',
  'task-undone',
  'run-finished',
])

/** Whether a value read from storage is an event of a journal. */
export function isJournalEvent(value: unknown): value is JournalEvent {
  if (typeof value !== 'object' || value === null) return false
  const event = value as { kind?: unknown; at?: unknown; task?: unknown; run?: unknown }
  if (typeof event.kind !== 'string' || !kinds.has(event.kind) || typeof event.at !== 'number') return false
  return event.kind.startsWith('run-') ? typeof event.run === 'string' : typeof event.task === 'string'
}
