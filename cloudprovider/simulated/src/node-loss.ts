import type { CoreCondition } from '@trellis/api/core/common'
import { type Node, nodes } from '@trellis/api/core/node'
import { keyOf } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import { describe, isFailure } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { pauseMilliseconds } from '@trellis/foundation/retry'
import type { Client } from '@trellis/kubernetes/client'
import type { SimulatedCloud } from './cloud.ts'
import { providerIdOf, simulatedProvider } from './driver.ts'

/** What noticing the loss of nodes needs. */
export interface NodeLossContext {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly cloud: SimulatedCloud
  readonly client: Client
  /** How long a Node may be silent before it is called NotReady. */
  readonly nodeLossMilliseconds: number
}

/**
 * Plays the controller of nodes' lives: some time after the end of a server its Node is `Unknown`, as when no kubelet is heard of any more, unless the machine has another server by then.
 * Nodes that an earlier process left, whose cloud went with it, are looked for once at the beginning. Tries until the API server answers or the signal aborts. Takes no taints and evicts no pods.
 */
export function startNodeLoss(context: NodeLossContext, signal: AbortSignal): void {
  const { clock, cloud, client, nodeLossMilliseconds } = context
  const judge = async (machineName: string) => {
    await clock.sleep(nodeLossMilliseconds, signal)
    await insist(context, signal, () => lose(context, machineName))
  }
  const stop = cloud.onChange(({ machineName }, change) => {
    if (change === 'gone' && !signal.aborted) judge(machineName).catch(() => {})
  })
  signal.addEventListener('abort', stop, { once: true })
  const sweep = async () => {
    await clock.sleep(nodeLossMilliseconds, signal)
    await insist(context, signal, async () => {
      for (const node of (await client.list(nodes)).items) {
        if (isOurs(node)) await lose(context, node.metadata.name, node)
      }
    })
  }
  sweep().catch(() => {})
}

async function insist({ clock, random, log }: NodeLossContext, signal: AbortSignal, work: () => Promise<void>) {
  for (let tries = 1; ; tries++) {
    try {
      return await work()
    } catch (error) {
      log.debug({ error: describe(error) }, 'the loss of a node could not be told')
    }
    const backoff = { firstMilliseconds: 200, longestMilliseconds: 5000 }
    await clock.sleep(pauseMilliseconds(backoff, tries, random), signal)
  }
}

async function lose({ clock, cloud, client }: NodeLossContext, name: string, known?: Node): Promise<void> {
  const node = known ?? (await client.find(nodes, { name }))
  if (node === undefined || !isReady(node)) return
  // Another server of that name may have the Node by now, or be about to take it over.
  if (cloud.servers().some((server) => server.machineName === name || providerIdOf(server) === node.spec?.providerID)) {
    return
  }
  const others = (node.status?.conditions ?? []).filter(({ type }) => type !== 'Ready')
  const conditions = [...others, silence(clock.now())]
  try {
    await client.patch(nodes, keyOf(node), { status: { conditions } }, { type: 'merge', subresource: 'status' })
  } catch (error) {
    if (!isFailure(error, 'NotFound')) throw error
  }
}

function isOurs({ spec }: Node): boolean {
  return spec?.providerID?.startsWith(`${simulatedProvider}:///`) === true
}

function isReady({ status }: Node): boolean {
  return status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'
}

function silence(now: number): CoreCondition {
  return {
    type: 'Ready',
    status: 'Unknown',
    reason: 'NodeStatusUnknown',
    message: 'kubelet stopped posting node status: its server is gone',
    lastTransitionTime: new Date(now).toISOString().replace(/\.\d+Z$/, 'Z'),
  }
}
