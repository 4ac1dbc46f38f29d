import { createParser } from '@trellis/foundation/schema'
import { type Static, Type } from 'typebox'
import { readStored, writeWhole } from '../store.ts'
import type { TaskView } from '../view/task-line.ts'

const TaskSchema = Type.Object({
  id: Type.String(),
  state: Type.Union(
    (['Pending', 'Running', 'Succeeded', 'Failed', 'Skipped'] as const).map((state) => Type.Literal(state)),
  ),
  startedAt: Type.Optional(Type.Number()),
  finishedAt: Type.Optional(Type.Number()),
  tries: Type.Number(),
  lastError: Type.Optional(Type.String()),
  detail: Type.Optional(Type.String()),
  children: Type.Optional(Type.Array(Type.Unknown())),
})

const ProgressSchema = Type.Object({
  /** Process that writes it, to tell a run under way from one that was killed. */
  pid: Type.Number(),
  startedAt: Type.Number(),
  finishedAt: Type.Optional(Type.Number()),
  ready: Type.Boolean(),
  tasks: Type.Array(TaskSchema),
})

/** The last run of `trellis up`, finished or not. */
export type Progress = Omit<Static<typeof ProgressSchema>, 'tasks'> & { readonly tasks: readonly TaskView[] }

/** The stored progress; undefined before the first run. */
export async function readProgress(path: string): Promise<Progress | undefined> {
  return (await readStored(path, createParser(ProgressSchema, 'progress').parse)) as Progress | undefined
}

/** Writes progress while it changes; writes that come while one is under way become one. */
export interface ProgressWriter {
  write(progress: Progress): void
  /** Resolves when the last progress is on disk. */
  flush(): Promise<void>
}

/** Makes a writer for one file. */
export function createProgressWriter(path: string): ProgressWriter {
  let waiting: Progress | undefined
  let underWay: Promise<void> | undefined
  const drain = async (): Promise<void> => {
    while (waiting !== undefined) {
      const next = waiting
      waiting = undefined
      await writeWhole(path, `${JSON.stringify(next, null, 2)}\n`)
    }
    underWay = undefined
  }
  return {
    write: (progress) => {
      waiting = progress
      underWay ??= drain()
    },
    flush: async () => {
      await underWay
    },
  }
}
