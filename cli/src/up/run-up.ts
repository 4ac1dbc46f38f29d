import { createMemoryJournal } from '@trellis/flow/journal'
import type { Snapshot, TaskReport, TaskState } from '@trellis/flow/progress'
import { runFlow } from '@trellis/flow/run-flow'
import { Failure } from '@trellis/foundation/failure'
import { createClient } from '@trellis/kubernetes/client'
import { loadKubeconfig } from '@trellis/kubernetes/kubeconfig'
import type { CommandContext } from '../commands/context.ts'
import { paths } from '../installation.ts'
import { createProgressView } from '../view/progress-view.ts'
import type { TaskView } from '../view/task-line.ts'
import { createProgressWriter } from './progress-file.ts'
import type { UpServices } from './services.ts'
import { upFlow } from './up-flow.ts'

/** Runs the whole flow, showing and storing its progress; throws the first error once every branch has ended. */
export async function runUp(context: CommandContext): Promise<{ readonly seconds: number }> {
  const { clock } = context
  const startedAt = clock.now()
  const children = new Map<string, readonly TaskView[]>()
  let snapshot: Snapshot | undefined
  const writer = createProgressWriter(paths(context.installation).progress)
  using view = createProgressView(context)
  const publish = (ready: boolean, finished: boolean): void => {
    if (snapshot === undefined) return
    const tasks = snapshot.tasks.map((report) => viewOf(report, children.get(report.task)))
    view.show(tasks)
    writer.write({ pid: process.pid, startedAt, ready, tasks, ...(finished ? { finishedAt: clock.now() } : {}) })
  }
  const result = await runFlow(upFlow, {
    clock,
    random: context.random,
    journal: createMemoryJournal(),
    run: 'up',
    signal: context.signal,
    services: servicesOf(context, (task, shown) => {
      children.set(task, shown)
      publish(false, false)
    }),
    onProgress: (next) => {
      snapshot = next
      publish(false, false)
    },
  })
  snapshot = result.snapshot
  publish(result.outcome === 'succeeded', true)
  await writer.flush()
  const [first] = result.errors
  if (first !== undefined) throw first.error
  if (result.outcome !== 'succeeded')
    throw new Failure('Unavailable', 'stopped before the shoot was ready', {
      remedy: 'run "trellis up" again: it goes on from here',
    })
  return { seconds: (clock.now() - startedAt) / 1000 }
}

function servicesOf(context: CommandContext, showChildren: UpServices['showChildren']): UpServices {
  const file = paths(context.installation).gardenKubeconfig
  return {
    ...context,
    showChildren,
    garden: async () =>
      createClient({
        clock: context.clock,
        kubeconfig: await loadKubeconfig({ file }),
        userAgent: 'trellis-cli',
        fieldManager: 'trellis-cli',
      }),
  }
}

const states: Readonly<Record<TaskState, TaskView['state']>> = {
  pending: 'Pending',
  running: 'Running',
  succeeded: 'Succeeded',
  failed: 'Failed',
  skipped: 'Skipped',
  blocked: 'Pending',
  cancelled: 'Pending',
}

function viewOf(report: TaskReport, children: readonly TaskView[] | undefined): TaskView {
  return {
    id: report.task,
    state: states[report.state],
    tries: report.tries,
    ...(report.startedAt === undefined ? {} : { startedAt: report.startedAt }),
    ...(report.finishedAt === undefined ? {} : { finishedAt: report.finishedAt }),
    ...(report.lastError === undefined ? {} : { lastError: report.lastError }),
    ...(report.note === undefined ? {} : { detail: report.note }),
    ...(children === undefined ? {} : { children }),
  }
}
