/** One task as a person sees it; instants in milliseconds since the Unix epoch. */
export interface TaskView {
  readonly id: string
  readonly state: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Skipped'
  readonly startedAt?: number
  readonly finishedAt?: number
  readonly tries: number
  readonly lastError?: string
  /** What it is doing now, or found. */
  readonly detail?: string
  readonly children?: readonly TaskView[]
}

/** Seconds that a task took, or has taken until `now`; undefined before it began. */
export function secondsOf(task: TaskView, now: number): number | undefined {
  return task.startedAt === undefined ? undefined : Math.max(0, ((task.finishedAt ?? now) - task.startedAt) / 1000)
}

const marks: Readonly<Record<TaskView['state'], string>> = {
  Pending: '·',
  Running: '>',
  Succeeded: '✓',
  Failed: '✗',
  Skipped: '-',
}

/** The tree as lines, children indented under their parent, each no longer than `width` characters. */
export function renderTree(tasks: readonly TaskView[], now: number, width: number, indent = ''): readonly string[] {
  return tasks.flatMap((task) => [
    clip(`${indent}${renderTask(task, now)}`, width),
    ...renderTree(task.children ?? [], now, width, `${indent}  `),
  ])
}

/** One task as one line, without regard to its children. */
export function renderTask(task: TaskView, now: number): string {
  const seconds = secondsOf(task, now)
  const time = seconds === undefined ? '' : ` ${seconds.toFixed(1)} s`
  const tries = task.tries > 1 ? ` (try ${task.tries})` : ''
  const remark = task.state === 'Succeeded' ? task.detail : (task.lastError ?? task.detail)
  return `${marks[task.state]} ${task.id}${time}${tries}${remark === undefined ? '' : ` — ${remark.replaceAll(/\s+/g, ' ')}`}`
}

function clip(line: string, width: number): string {
  return line.length <= width ? line : `${line.slice(0, width - 1)}…`
}
