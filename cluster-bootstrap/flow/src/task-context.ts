import { InvariantError } from '@trellis/foundation/failure'
import type { Json, Output } from './output.ts'
import type { Task, TaskContext } from './task.ts'

/** What a context is made of. */
export interface TaskContextParts<Services> {
  readonly task: Task<Services>
  readonly tries: number
  readonly services: Services
  readonly signal: AbortSignal
  /** Outputs of the tasks done so far. */
  readonly outputs: ReadonlyMap<string, Json>
  readonly note: (text: string) => void
}

/** Makes the context of one try; it lets the task read what it declared and nothing else. */
export function createTaskContext<Services>(parts: TaskContextParts<Services>): TaskContext<Services> {
  const { task, outputs } = parts
  const readIfProduced = <Value>(output: Output<Value>): Value | undefined => {
    if (!task.consumes?.includes(output)) {
      throw new InvariantError(`task ${task.id} reads the output of ${output.task} without declaring it`)
    }
    const value = outputs.get(output.task)
    return value === undefined ? undefined : output.parse(value)
  }
  return {
    services: parts.services,
    signal: parts.signal,
    tries: parts.tries,
    note: parts.note,
    readIfProduced,
    read: (output) => {
      const value = readIfProduced(output)
      if (value === undefined)
        throw new InvariantError(`task ${task.id} needs the output of ${output.task}, which was skipped`)
      return value
    },
  }
}
