import { describe } from '@trellis/foundation/failure'
import { retry } from '@trellis/foundation/retry'
import type { Flow } from './define-flow.ts'
import type { Json } from './output.ts'
import { replay } from './replay.ts'
import type { RunOptions, TaskError } from './run-flow.ts'
import type { Task } from './task.ts'
import { createTaskContext } from './task-context.ts'

/** What unwinding reached. */
export interface UnwindResult {
  /** Tasks whose effects were taken back in this call, in that order. */
  readonly undone: readonly string[]
  readonly errors: readonly TaskError[]
}

/**
 * Takes back what a run did, later tasks before those they depend on: every task that the journal says began and that has an `undo`.
 * A task whose undo fails keeps everything that it depends on in place. What was undone is written down, so that unwinding resumes too.
 */
export async function unwindFlow<Services>(flow: Flow<Services>, options: RunOptions<Services>): Promise<UnwindResult> {
  const { tasks: past } = replay(await options.journal.load(), flow.name, options.run)
  const outputs = new Map<string, Json>()
  for (const [task, history] of past) if (history.output !== undefined) outputs.set(task, history.output)
  const undone: string[] = []
  const errors: TaskError[] = []
  const ends = new Map<string, Promise<boolean>>()
  for (const task of [...flow.tasks].reverse()) {
    const later = flow.tasks.filter((other) => other.dependsOn.includes(task.id))
    ends.set(
      task.id,
      settle(
        task,
        later.map((other) => ends.get(other.id) ?? Promise.resolve(true)),
      ),
    )
  }
  await Promise.all(ends.values())
  return { undone, errors }

  async function settle(task: Task<Services>, later: readonly Promise<boolean>[]): Promise<boolean> {
    if ((await Promise.all(later)).includes(false)) return false
    const state = past.get(task.id)?.state
    if (state === undefined || state === 'skipped' || state === 'undone') return true
    try {
      await undo(task)
      await options.journal.append({ kind: 'task-undone', at: options.clock.now(), task: task.id })
      undone.push(task.id)
      return true
    } catch (error) {
      errors.push({ task: task.id, error })
      return false
    }
  }

  async function undo(task: Task<Services>): Promise<void> {
    if (task.undo === undefined) return
    const signal = options.signal ?? new AbortController().signal
    let tries = 0
    const once = async () => {
      tries++
      const context = createTaskContext({ task, tries, services: options.services, signal, outputs, note: () => {} })
      await task.undo?.(context)
    }
    if (task.retry === undefined) return once()
    await retry(once, { clock: options.clock, random: options.random, signal, ...task.retry })
  }
}

/** The errors of a run or an unwinding as lines for people, one per task. */
export function describeErrors(errors: readonly TaskError[]): readonly string[] {
  return errors.map(({ task, error }) => `${task}: ${describe(error)}`)
}
