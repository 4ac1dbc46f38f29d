import type { Pod } from '@trellis/api/core/pod'
import type { BudgetVerdict } from './budgets.ts'
import { verdictOn } from './budgets.ts'
import type { DrainObservation, VolumeObservation } from './decide.ts'
import type { DrainRequest } from './drain-node.ts'
import { claimsOf, hasEnded, mustLeave, uidOf } from './pods.ts'
import type { DrainSession } from './session.ts'
import { observeVolumes, withoutVolumes } from './volumes.ts'

/** Evictions are tried for as long as the reference's retries of 20 s each would take. */
const retryPeriodMilliseconds = 20_000

/** Takes one snapshot of all that concerns a drain. Volumes are looked up, and attachments and budgets followed, only when they matter. */
export async function observeDrain(
  session: DrainSession,
  request: DrainRequest,
  pods: readonly Pod[],
): Promise<DrainObservation> {
  const { clock } = session.context
  const { since, settings } = request
  const leaving = pods.filter(mustLeave)
  if (leaving.length > 0) session.emptySince = undefined
  else session.emptySince ??= clock.now()
  return {
    pods,
    attempts: session.attempts,
    verdicts: verdictsOn(session, leaving),
    volumes: await volumesOf(session, request, pods),
    forcedSince: session.forcedSince,
    evictUntil: since + Math.min(settings.drainTimeoutMilliseconds, settings.maxEvictRetries * retryPeriodMilliseconds),
    volumesUntil: (session.emptySince ?? clock.now()) + settings.pvDetachTimeoutMilliseconds,
  }
}

/** What budgets say of the pods that were refused. */
function verdictsOn(session: DrainSession, leaving: readonly Pod[]): ReadonlyMap<string, BudgetVerdict> {
  const refused = leaving.filter((pod) => {
    const attempt = session.attempts.get(uidOf(pod))
    return pod.metadata.deletionTimestamp === undefined && attempt?.how === 'evict' && attempt.refusal !== undefined
  })
  const budgets = refused.length === 0 || session.forcedSince !== undefined ? undefined : session.budgets()
  if (budgets === undefined) return new Map()
  return new Map(refused.map((pod) => [uidOf(pod), verdictOn(pod, budgets.list(pod.metadata.namespace))]))
}

async function volumesOf(
  session: DrainSession,
  { node, settings }: DrainRequest,
  pods: readonly Pod[],
): Promise<VolumeObservation> {
  const reattachTimeoutMilliseconds = settings.pvReattachTimeoutMilliseconds
  const volumesAttached = (node.status?.volumesAttached ?? []).map(({ name }) => name)
  const claims = pods.filter((pod) => !hasEnded(pod)).flatMap(claimsOf)
  session.sawVolumes ||= volumesAttached.length > 0 || claims.length > 0
  // What is attached stands in the node's status before any pod may use it.
  const matters = volumesAttached.length > 0 || session.moves.length > 0
  if (!matters || session.forcedSince !== undefined) {
    return withoutVolumes(pods, session.moves, reattachTimeoutMilliseconds)
  }
  const attachments = session.attachments()
  await session.volumes.lookUp(claims)
  return observeVolumes({
    nodeName: session.nodeName,
    pods,
    volumesAttached,
    onNode: attachments?.byIndex('node', session.nodeName),
    ofVolume: (name) => attachments?.byIndex('volume', name) ?? [],
    volumeOf: session.volumes.volumeOf,
    moves: session.moves,
    asked: new Set(session.attempts.keys()),
    detachTimeoutMilliseconds: settings.pvDetachTimeoutMilliseconds,
    reattachTimeoutMilliseconds,
  })
}
