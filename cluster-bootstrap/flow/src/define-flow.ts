import { Failure } from '@trellis/foundation/failure'
import type { Task } from './task.ts'

/** A checked graph of tasks. */
export interface Flow<Services> {
  readonly name: string
  /** Every task after all that it depends on; among equals in the order given. */
  readonly tasks: readonly Task<Services>[]
}

/**
 * Checks a graph and puts it in order. Throws `Invalid` that names the task for: a duplicate id, an unknown dependency, a cycle (with its
 * path), an output consumed that no earlier task produces, an output produced under another task's name.
 */
export function defineFlow<Services>(name: string, tasks: readonly Task<Services>[]): Flow<Services> {
  const byId = indexById(name, tasks)
  for (const task of tasks) refuseUnknownDependencies(name, task, byId)
  const ordered = sortTopologically(name, tasks, byId)
  refuseUnproducedInputs(name, ordered, byId)
  return { name, tasks: ordered }
}

function invalid(flow: string, task: string, problem: string): Failure {
  return new Failure('Invalid', `flow ${flow}: task ${task} ${problem}`, { field: task })
}

function indexById<Services>(name: string, tasks: readonly Task<Services>[]): ReadonlyMap<string, Task<Services>> {
  const byId = new Map<string, Task<Services>>()
  for (const task of tasks) {
    if (byId.has(task.id)) throw invalid(name, task.id, 'is defined twice')
    byId.set(task.id, task)
  }
  return byId
}

function refuseUnknownDependencies<Services>(
  name: string,
  task: Task<Services>,
  byId: ReadonlyMap<string, Task<Services>>,
): void {
  const unknown = task.dependsOn.find((id) => !byId.has(id))
  if (unknown !== undefined) throw invalid(name, task.id, `depends on ${unknown}, which is not in the flow`)
}

function sortTopologically<Services>(
  name: string,
  tasks: readonly Task<Services>[],
  byId: ReadonlyMap<string, Task<Services>>,
): readonly Task<Services>[] {
  const ordered: Task<Services>[] = []
  const state = new Map<string, 'open' | 'closed'>()
  const path: string[] = []
  const visit = (task: Task<Services>): void => {
    if (state.get(task.id) === 'closed') return
    if (state.get(task.id) === 'open') {
      const cycle = [...path.slice(path.indexOf(task.id)), task.id].join(' → ')
      throw invalid(name, task.id, `depends on itself: ${cycle}`)
    }
    state.set(task.id, 'open')
    path.push(task.id)
    for (const id of task.dependsOn) {
      const dependency = byId.get(id)
      if (dependency !== undefined) visit(dependency)
    }
    path.pop()
    state.set(task.id, 'closed')
    ordered.push(task)
  }
  for (const task of tasks) visit(task)
  return ordered
}

function refuseUnproducedInputs<Services>(
  name: string,
  ordered: readonly Task<Services>[],
  byId: ReadonlyMap<string, Task<Services>>,
): void {
  const before = ancestors(ordered)
  for (const task of ordered) {
    if (task.produces !== undefined && task.produces.task !== task.id) {
      throw invalid(name, task.id, `produces the output of ${task.produces.task}`)
    }
    for (const input of task.consumes ?? []) {
      if (byId.get(input.task)?.produces !== input) {
        throw invalid(name, task.id, `reads the output of ${input.task}, which produces none of that name`)
      }
      if (!before.get(task.id)?.has(input.task)) {
        throw invalid(name, task.id, `reads the output of ${input.task} without depending on it`)
      }
    }
  }
}

/** For every task, all tasks that come before it on some path. Tasks must be in topological order. */
export function ancestors<Services>(ordered: readonly Task<Services>[]): ReadonlyMap<string, ReadonlySet<string>> {
  const result = new Map<string, ReadonlySet<string>>()
  for (const task of ordered) {
    const all = new Set<string>(task.dependsOn)
    for (const id of task.dependsOn) for (const earlier of result.get(id) ?? []) all.add(earlier)
    result.set(task.id, all)
  }
  return result
}

/** Outputs that are produced but that no task reads: work done for nobody. */
export function unreadOutputs<Services>(flow: Flow<Services>): readonly string[] {
  const read = new Set(flow.tasks.flatMap((task) => (task.consumes ?? []).map((input) => input.task)))
  return flow.tasks.filter((task) => task.produces !== undefined && !read.has(task.id)).map((task) => task.id)
}
