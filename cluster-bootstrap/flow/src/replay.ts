import type { JournalEvent } from './journal.ts'
import type { Json } from './output.ts'

/** What a journal tells about one task. */
export interface TaskHistory {
  readonly state: 'started' | 'succeeded' | 'failed' | 'skipped' | 'undone'
  readonly startedAt?: number
  readonly finishedAt?: number
  readonly tries: number
  readonly output?: Json
  readonly lastError?: string
}

/** What a journal tells about a run. */
export interface RunHistory {
  /** Whether the journal's last run is the one asked for; otherwise `tasks` is empty. */
  readonly resumed: boolean
  readonly startedAt?: number
  readonly tasks: ReadonlyMap<string, TaskHistory>
}

/** Reads what happened so far in the run `run`. Events of other runs do not count. */
export function replay(events: readonly JournalEvent[], flow: string, run: string): RunHistory {
  const begin = events.findLastIndex((event) => event.kind === 'run-started')
  const first = events[begin]
  if (first?.kind !== 'run-started' || first.run !== run || first.flow !== flow) {
    return { resumed: false, tasks: new Map() }
  }
  const tasks = new Map<string, TaskHistory>()
  for (const event of events.slice(begin + 1)) {
    if ('task' in event) tasks.set(event.task, next(tasks.get(event.task), event))
  }
  return { resumed: true, startedAt: first.at, tasks }
}

type TaskEvent = Extract<JournalEvent, { readonly task: string }>

function next(before: TaskHistory | undefined, event: TaskEvent): TaskHistory {
  const startedAt = before?.startedAt ?? event.at
  switch (event.kind) {
    case 'task-started':
      return { state: 'started', startedAt, tries: before?.tries ?? 0 }
    case 'task-retried':
      return { state: 'started', startedAt, tries: event.tries, lastError: event.error }
    case 'task-succeeded':
      return { state: 'succeeded', startedAt, finishedAt: event.at, tries: event.tries, output: event.output ?? null }
    case 'task-failed':
      return { state: 'failed', startedAt, finishedAt: event.at, tries: event.tries, lastError: event.error }
    case 'task-skipped':
      return { state: 'skipped', tries: 0 }
    case 'task-undone':
      return { state: 'undone', startedAt, tries: before?.tries ?? 0 }
  }
}
