import { isFailure } from '@trellis/foundation/failure'
import { type Installation, paths } from '../installation.ts'
import { type ProcessView, reportMemory } from '../processes/memory.ts'
import { readProcesses } from '../processes/read-processes.ts'
import { type Progress, readProgress } from '../up/progress-file.ts'
import { renderTree, secondsOf, type TaskView } from '../view/task-line.ts'
import type { CommandContext } from './context.ts'

/** Prints the last or present run of `trellis up`. Resolves with 0 when the shoot is ready. */
export async function runStatus(context: CommandContext, output: 'text' | 'json'): Promise<number> {
  const { installation, screen, clock } = context
  const progress = await readProgress(paths(installation).progress)
  const memory = reportMemory(await readProcesses(), belongsTo(installation))
  const now = clock.now()
  if (output === 'json') {
    screen.write(`${JSON.stringify(statusValue(progress, memory, now), null, 2)}\n`)
  } else if (progress === undefined) {
    screen.write('nothing is here yet: run "trellis up"\n')
  } else {
    const width = screen.size()?.columns ?? 160
    const lines = [...renderTree(progress.tasks, progress.finishedAt ?? now, width), headline(progress, now)]
    screen.write(
      `${lines.join('\n')}\nTrellis and control planes: ${memory.rssMiB} MiB, nodes: ${memory.byClass.node} MiB\n`,
    )
  }
  return progress?.ready === true ? 0 : 1
}

/** What `status -o json` prints. Instants are RFC 3339 text, spans are seconds. */
export function statusValue(
  progress: Progress | undefined,
  memory: ReturnType<typeof reportMemory>,
  now: number,
): Readonly<Record<string, unknown>> {
  const end = progress?.finishedAt ?? now
  return {
    ready: progress?.ready ?? false,
    seconds: progress === undefined ? 0 : (end - progress.startedAt) / 1000,
    rssMiB: memory.rssMiB,
    memory: { byClass: memory.byClass, programs: memory.programs },
    tasks: progress?.tasks.map((task) => taskValue(task, end)) ?? [],
  }
}

function taskValue(task: TaskView, end: number): Readonly<Record<string, unknown>> {
  return {
    id: task.id,
    state: task.state,
    start: task.startedAt === undefined ? null : new Date(task.startedAt).toISOString(),
    seconds: secondsOf(task, end) ?? null,
    tries: task.tries,
    ...(task.lastError === undefined ? {} : { lastError: task.lastError }),
    ...(task.children === undefined ? {} : { tasks: task.children.map((child) => taskValue(child, end)) }),
  }
}

function headline(progress: Progress, now: number): string {
  const seconds = (((progress.finishedAt ?? now) - progress.startedAt) / 1000).toFixed(1)
  if (progress.ready) return `ready after ${seconds} s`
  if (progress.finishedAt !== undefined) return `failed after ${seconds} s: "trellis up" goes on from here`
  return isRunning(progress.pid) ? `under way for ${seconds} s` : 'interrupted: "trellis up" goes on from here'
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    if (isFailure(error)) throw error
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Tells the processes of an installation: those in its machines, and its cloud on the host. */
export function belongsTo(installation: Installation): (process: ProcessView) => boolean {
  const group = new RegExp(`(^|/)${installation.name}/`)
  return (process) =>
    process.controlGroups.some((path) => group.test(path)) ||
    (process.args.includes(`--instance=${installation.name}`) &&
      process.args.some((argument) => argument.startsWith(`${installation.repositoryDirectory}/localcloud/`)))
}
