import { type Pod, pods } from '@trellis/api/core/pod'
import type { Clock } from '@trellis/foundation/clock'
import { Failure, isFailure } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { pauseMilliseconds } from '@trellis/foundation/retry'
import type { Client } from '@trellis/kubernetes/client'
import { createInformer } from '@trellis/kubernetes/informer'
import type { EvictionAttempts, PodRemoval } from './drain.ts'

/** What a drain works with. */
export interface DrainContext {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly client: Client
}

/** The pods of one node for as long as it is drained. */
export interface DrainSession extends Disposable {
  /** Undefined until they are known. */
  pods(): readonly Pod[] | undefined
}

/** Follows the pods of a node and calls back on every change, until disposed. */
export function startDrainSession(context: DrainContext, nodeName: string, onChange: () => void): DrainSession {
  const stop = new AbortController()
  const informer = createInformer({
    ...context,
    resource: pods,
    selection: { fieldSelector: `spec.nodeName=${nodeName}` },
  })
  informer.onChange(() => {
    if (informer.hasSynced()) onChange()
  })
  void informer.run(stop.signal)
  informer.synced(stop.signal).then(onChange, () => {})
  return {
    pods: () => (informer.hasSynced() ? informer.list() : undefined),
    [Symbol.dispose]: () => stop.abort(new Failure('Gone', 'the drain is over')),
  }
}

const refusedBackoff = { firstMilliseconds: 1000, longestMilliseconds: 5000 }
/** After an accepted removal the watch tells what follows; this only covers a lost answer. */
const acceptedPauseMilliseconds = 15_000

/** Asks one pod to go and returns what is to be remembered of it. A refusal is no error. */
export async function removePod(
  context: DrainContext,
  pod: Pod,
  how: PodRemoval,
  before: EvictionAttempts | undefined,
): Promise<EvictionAttempts> {
  const tries = (before?.tries ?? 0) + 1
  try {
    await ask(context.client, pod, how)
    return { tries, how, notBefore: context.clock.now() + acceptedPauseMilliseconds }
  } catch (error) {
    if (isFailure(error, 'NotFound')) return { tries, how, notBefore: context.clock.now() + acceptedPauseMilliseconds }
    const asked = isFailure(error) ? (error.retryAfterMilliseconds ?? 0) : 0
    const pause = Math.max(asked, pauseMilliseconds(refusedBackoff, tries, context.random))
    const refusal = error instanceof Error ? error.message : String(error)
    return { tries, how, notBefore: context.clock.now() + pause, refusal }
  }
}

async function ask(client: Client, pod: Pod, how: PodRemoval): Promise<void> {
  const { name, namespace = 'default', uid } = pod.metadata
  if (how === 'evict') {
    await client.request({
      method: 'POST',
      path: `/api/v1/namespaces/${namespace}/pods/${name}/eviction`,
      body: {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name, namespace },
        deleteOptions: { preconditions: { uid } },
      },
    })
    return
  }
  const key = { namespace, name }
  const guard = uid === undefined ? {} : { uid }
  await client.delete(pods, key, how === 'force' ? { ...guard, gracePeriodSeconds: 0 } : guard)
}
