import { type Pod, pods } from '@trellis/api/core/pod'
import { isFailure } from '@trellis/foundation/failure'
import { pauseMilliseconds } from '@trellis/foundation/retry'
import type { Client } from '@trellis/kubernetes/client'
import type { EvictionAttempts, PodRemoval } from './decide.ts'
import type { DrainContext } from './session.ts'

/** A budget that opens is noticed at once; this is for what else may refuse. */
const refusedBackoff = { firstMilliseconds: 1000, longestMilliseconds: 20_000 }
/** After an accepted removal the watch tells what follows; this only covers a lost answer. */
const acceptedPauseMilliseconds = 15_000

/** How and after what a pod is asked to go. */
export interface RemovalRequest {
  readonly how: PodRemoval
  readonly before: EvictionAttempts | undefined
  /** Version of the budget that allows it now. */
  readonly budgetVersion: string | undefined
}

/** Asks one pod to go and returns what is to be remembered of it. A refusal is no error. */
export async function removePod(
  context: Pick<DrainContext, 'clock' | 'random' | 'client'>,
  pod: Pod,
  { how, before, budgetVersion }: RemovalRequest,
): Promise<EvictionAttempts> {
  const { clock } = context
  const tries = (before?.tries ?? 0) + 1
  try {
    await ask(context.client, pod, how)
    return { tries, how, at: clock.now(), notBefore: clock.now() + acceptedPauseMilliseconds }
  } catch (error) {
    const now = clock.now()
    if (isFailure(error, 'NotFound')) return { tries, how, at: now, notBefore: now + acceptedPauseMilliseconds }
    const asked = isFailure(error) ? (error.retryAfterMilliseconds ?? 0) : 0
    const pause = Math.max(asked, pauseMilliseconds(refusedBackoff, tries, context.random))
    const refusal = error instanceof Error ? error.message : String(error)
    const refusedSince = before?.refusedSince ?? now
    const version = budgetVersion === undefined ? {} : { budgetVersion }
    return { tries, how, at: now, notBefore: now + pause, refusal, refusedSince, ...version }
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
