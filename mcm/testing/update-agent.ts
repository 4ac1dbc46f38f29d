import { type Node, nodes } from '@trellis/api/core/node'
import { machineAnnotations, machineLabels, machineTaints } from '@trellis/api/machine/well-known'
import type { Clock } from '@trellis/foundation/clock'
import { Failure, isFailure } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import { createInformer } from '@trellis/kubernetes/informer'
import { nodeUpdateOf } from '../src/machine/in-place-node.ts'

const retryMilliseconds = 500

/** How an update ends: well, with a reason why it failed, or never. */
export type UpdateEnd = 'successful' | 'never' | { readonly failed: string }

/** How the agent behaves. */
export interface UpdateAgentOptions {
  readonly clock: Clock
  readonly random: Random
  readonly client: Client
  /** How long an update takes. */
  readonly updateMilliseconds: number
  /** How long critical components need to run again on an updated node. */
  readonly componentsMilliseconds: number
  /** Asked whenever an update begins; it goes well unless told. */
  readonly endOf?: (nodeName: string) => UpdateEnd
}

/** Plays those outside who update nodes in place: an agent on each node that does it, and who opens nodes whose critical components run. */
export interface UpdateAgent extends AsyncDisposable {
  /** Nodes whose update was begun, in order; a node may be in it twice. */
  readonly begun: readonly string[]
  /** Nodes that were to be updated although pods could still come to them. */
  readonly open: readonly string[]
}

/** Starts playing. */
export function startUpdateAgent(options: UpdateAgentOptions): UpdateAgent {
  const { clock, client, endOf = () => 'successful' } = options
  const stop = new AbortController()
  const begun: string[] = []
  const open: string[] = []
  const busy = new Set<string>()
  const informer = createInformer({ ...options, log: createSilentLog(), resource: nodes })
  const once = (key: string, work: () => Promise<void>) => {
    if (busy.has(key)) return
    busy.add(key)
    work()
      .catch(() => {})
      .finally(() => busy.delete(key))
  }
  informer.onChange(({ after }) => {
    if (after === undefined) return
    const { name, uid } = after.metadata
    if (isReady(after)) once(`update ${uid}`, () => update(after))
    if (isClosed(after)) once(`open ${uid}`, () => openAgain(name))
  })
  const running = informer.run(stop.signal)
  return {
    begun,
    open,
    [Symbol.asyncDispose]: async () => {
      stop.abort(new Failure('Gone', 'the agent was stopped'))
      await running
    },
  }

  async function update(node: Node): Promise<void> {
    const { name } = node.metadata
    begun.push(name)
    if (node.spec?.unschedulable !== true) open.push(name)
    const end = endOf(name)
    if (end === 'never') return
    await clock.sleep(options.updateMilliseconds, stop.signal)
    const failed = end === 'successful' ? undefined : end.failed
    const metadata = {
      labels: { [machineLabels.updateResult]: failed === undefined ? 'successful' : 'failed' },
      ...(failed === undefined ? {} : { annotations: { [machineAnnotations.updateFailedReason]: failed } }),
    }
    await insist(() => client.patch(nodes, { name }, { metadata }))
  }

  async function openAgain(name: string): Promise<void> {
    await clock.sleep(options.componentsMilliseconds, stop.signal)
    await insist(async () => {
      const { metadata, spec } = await client.get(nodes, { name })
      const taints = (spec?.taints ?? []).filter(({ key }) => key !== machineTaints.criticalComponentsNotReady)
      const { resourceVersion } = metadata
      await client.patch(nodes, { name }, { metadata: { resourceVersion }, spec: { taints } })
    })
  }

  /** Tries until it succeeds or the node is gone. */
  async function insist(work: () => Promise<unknown>): Promise<void> {
    for (;;) {
      try {
        await work()
        return
      } catch (error) {
        if (isFailure(error, 'NotFound')) throw error
      }
      await clock.sleep(retryMilliseconds, stop.signal)
    }
  }
}

function isReady(node: Node): boolean {
  const { reason, result } = nodeUpdateOf(node)
  return reason === 'ReadyForUpdate' && result === undefined
}

function isClosed(node: Node): boolean {
  const { candidate } = nodeUpdateOf(node)
  const taints = node.spec?.taints ?? []
  return !candidate && taints.some(({ key }) => key === machineTaints.criticalComponentsNotReady)
}
