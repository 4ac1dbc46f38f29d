import { type ConfigMap, configMaps } from '@trellis/api/core/configuration'
import { isJournalEvent } from '@trellis/flow/journal'
import { createSystemClock } from '@trellis/foundation/clock'
import { createSilentLog } from '@trellis/foundation/log'
import { createSystemRandom } from '@trellis/foundation/random'
import { createClient } from '@trellis/kubernetes/client'
import { createInformer } from '@trellis/kubernetes/informer'
import { loadKubeconfig } from '@trellis/kubernetes/kubeconfig'
import type { TestInstallation } from './installation.ts'
import { killProgram } from './processes.ts'

/** Kills the process that runs a shoot's flow, whenever another of its tasks has ended. */
export interface BoundaryKiller extends AsyncDisposable {
  /** Tasks at whose end the process was killed. */
  readonly tasks: ReadonlySet<string>
  /** How many processes were killed: fewer than tasks, as several may end before the process is dead. */
  readonly kills: number
}

/**
 * Follows the journal of the flow of shoot `first`: it holds an event as soon as that is durable, so the process dies before it can do
 * much of what comes next. The garden must answer already.
 */
export async function killAtBoundaries(installation: TestInstallation): Promise<BoundaryKiller> {
  const clock = createSystemClock()
  const file = (await installation.must(['kubeconfig', '--garden'])).trim()
  const client = createClient({ clock, kubeconfig: await loadKubeconfig({ file }), userAgent: 'trellis-test' })
  const journals = createInformer({
    client,
    clock,
    random: createSystemRandom(),
    log: createSilentLog(),
    resource: configMaps,
    selection: { namespace: 'garden-local', fieldSelector: 'metadata.name=first.flow' },
  })
  const tasks = new Set<string>()
  const killing: Promise<void>[] = []
  let kills = 0
  const kill = async (): Promise<void> => {
    kills += await killProgram(installation, 'cluster-bootstrap')
  }
  journals.onChange(({ after }) => {
    const fresh = endedTasks(after).filter((task) => !tasks.has(task))
    if (fresh.length === 0) return
    for (const task of fresh) tasks.add(task)
    killing.push(kill())
  })
  const stop = new AbortController()
  const running = journals.run(stop.signal)
  return {
    tasks,
    get kills() {
      return kills
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await running
      await Promise.all(killing)
      client[Symbol.dispose]()
    },
  }
}

function endedTasks(journal: ConfigMap | undefined): readonly string[] {
  const lines = (journal?.data?.['journal.jsonl'] ?? '').split('\n').filter((line) => line !== '')
  return lines.flatMap((line) => {
    const event: unknown = JSON.parse(line)
    return isJournalEvent(event) && (event.kind === 'task-succeeded' || event.kind === 'task-skipped')
      ? [event.task]
      : []
  })
}
