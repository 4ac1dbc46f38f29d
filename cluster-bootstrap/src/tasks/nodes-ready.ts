import { type Node, nodes } from '@trellis/api/core/node'
import { type Machine, machines } from '@trellis/api/machine/machine'
import type { Task } from '@trellis/flow/task'
import type { Client } from '@trellis/kubernetes/client'
import { isNodeReady } from '../shoot/workloads.ts'
import { waitFor } from '../wait.ts'
import { patiently, type ShootServices, waitLimitMilliseconds } from './services.ts'

/** Waits until as many nodes are Ready as the worker pools have at least; meanwhile tells what keeps the machines. */
export const nodesReady: Task<ShootServices> = {
  id: 'nodes-ready',
  dependsOn: ['machines', 'machine-controller', 'care', 'add-ons'],
  retry: patiently,
  timeoutMilliseconds: waitLimitMilliseconds,
  run: async ({ services, signal, note }) => {
    const { blueprint, seed } = services
    const wanted = blueprint.pools.reduce((sum, pool) => sum + pool.worker.minimum, 0)
    const { client } = await services.connectToShoot()
    const troubles = watchTroubles(seed, blueprint.technicalId, signal)
    let ready = 0
    try {
      const tell = () => note(describeNodes(ready, wanted, troubles.latest()))
      troubles.onChange(tell)
      await waitFor<Node, true>({
        client,
        resource: nodes,
        selection: {},
        signal,
        judge: (found) => {
          ready = found.filter(isNodeReady).length
          tell()
          return ready >= wanted ? { value: true } : { missing: describeNodes(ready, wanted, troubles.latest()) }
        },
      })
    } finally {
      troubles.stop()
    }
  },
}

function describeNodes(ready: number, wanted: number, troubles: readonly string[]): string {
  const sum = `${ready} of ${wanted} nodes are Ready`
  return troubles.length === 0 ? sum : `${sum}; ${troubles.join('; ')}`
}

/** What keeps a machine from joining, as its own controller tells it; undefined when nothing does. */
export function machineTrouble(machine: Machine): string | undefined {
  const { lastOperation, currentStatus } = machine.status ?? {}
  const failed = lastOperation?.state === 'Failed' || currentStatus?.phase === 'Failed'
  if (!failed && currentStatus?.phase !== 'CrashLoopBackOff') return undefined
  const what = lastOperation?.description ?? currentStatus?.phase ?? 'failed'
  return `machine ${machine.metadata.name}: ${what}`
}

interface Troubles {
  latest(): readonly string[]
  onChange(listener: () => void): void
  stop(): void
}

/** Follows the machines beside the wait for nodes. What it cannot see is no reason to stop waiting. */
function watchTroubles(seed: Client, namespace: string, parent: AbortSignal): Troubles {
  const own = new AbortController()
  let latest: readonly string[] = []
  let listener: () => void = () => {}
  waitFor<Machine, never>({
    client: seed,
    resource: machines,
    selection: { namespace },
    signal: AbortSignal.any([parent, own.signal]),
    judge: (objects) => {
      latest = objects.map(machineTrouble).filter((trouble) => trouble !== undefined)
      listener()
      return { missing: '' }
    },
  }).catch(() => undefined)
  return {
    latest: () => latest,
    onChange: (next) => {
      listener = next
    },
    stop: () => own.abort(),
  }
}
