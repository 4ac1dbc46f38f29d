import type { ProgressEvent } from '@trellis/distribution/store/part'
import type { TaskView } from './task-line.ts'

/** Keeps one line for each part of the distribution. */
export interface PartsView {
  take(event: ProgressEvent, now: number): void
}

/** Calls `show` with all lines whenever one changes. */
export function createPartsView(show: (tasks: readonly TaskView[]) => void): PartsView {
  const lines = new Map<string, TaskView>()
  return {
    take: (event, now) => {
      lines.set(event.part, lineOf(event, lines.get(event.part), now))
      show([...lines.values()])
    },
  }
}

function lineOf(event: ProgressEvent, before: TaskView | undefined, now: number): TaskView {
  const over = event.state === 'present' || event.state === 'done'
  const failed = event.state === 'failed'
  return {
    id: event.part,
    state: over ? 'Succeeded' : failed ? 'Failed' : 'Running',
    startedAt: before?.startedAt ?? now,
    ...(over || failed ? { finishedAt: now } : {}),
    tries: 1,
    detail: `${event.state} ${event.detail}`.trim(),
  }
}
