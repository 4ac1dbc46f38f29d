/**
 * Where a task stands. `blocked`: a task before it failed. `cancelled`: the flow was called off before or while it ran.
 */
export type TaskState = 'pending' | 'running' | 'succeeded' | 'failed' | 'skipped' | 'blocked' | 'cancelled'

/** One task as people see it. Instants are milliseconds since the Unix epoch. */
export interface TaskReport {
  readonly task: string
  readonly state: TaskState
  readonly startedAt?: number | undefined
  readonly finishedAt?: number | undefined
  readonly tries: number
  /** The last error, also while the task is being tried again; gone once it has succeeded. */
  readonly lastError?: string | undefined
  /** What the task says that it is waiting for. */
  readonly note?: string | undefined
}

/** All tasks at one moment. */
export interface Snapshot {
  /** Whole per cent of the tasks that are not passed over. */
  readonly percent: number
  /** Names of the tasks under way, in the order of the flow. */
  readonly running: readonly string[]
  readonly tasks: readonly TaskReport[]
}

/** Called on every change with the whole picture and the task that changed. Must not throw. */
export type ProgressListener = (snapshot: Snapshot, changed: TaskReport) => void

/** Keeps the reports of a run and tells a listener. */
export interface ProgressBoard {
  update(task: string, change: Partial<Omit<TaskReport, 'task'>>): void
  report(task: string): TaskReport
  snapshot(): Snapshot
}

/** Makes a board with one report per task. */
export function createProgressBoard(initial: readonly TaskReport[], listener?: ProgressListener): ProgressBoard {
  const reports = new Map(initial.map((report) => [report.task, report]))
  const snapshot = () => summarize([...reports.values()])
  const report = (task: string) => reports.get(task) ?? { task, state: 'pending' as const, tries: 0 }
  return {
    report,
    snapshot,
    update: (task, change) => {
      const changed = { ...report(task), ...change }
      reports.set(task, changed)
      listener?.(snapshot(), changed)
    },
  }
}

/** Counts the reports together. */
export function summarize(tasks: readonly TaskReport[]): Snapshot {
  const counted = tasks.filter((task) => task.state !== 'skipped')
  const succeeded = counted.filter((task) => task.state === 'succeeded').length
  return {
    percent: counted.length === 0 ? 100 : Math.floor((succeeded * 100) / counted.length),
    running: tasks.filter((task) => task.state === 'running').map((task) => task.task),
    tasks,
  }
}
