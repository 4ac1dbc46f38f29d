import type { Pod } from '@trellis/api/core/pod'
import { keyOf, keyText } from '@trellis/api/meta'
import { mustLeave } from './pods.ts'

/** What became of the attempts to move one pod, in this process. */
export interface EvictionAttempts {
  readonly tries: number
  /** How it was asked to go last. */
  readonly how: PodRemoval
  /** Not to be asked in the same way before this instant. */
  readonly notBefore: number
  /** What the API server said against it last. */
  readonly refusal?: string
}

/** What one pass of a drain decides upon. */
export interface DrainObservation {
  readonly pods: readonly Pod[]
  /** By uid of the pod. */
  readonly attempts: ReadonlyMap<string, EvictionAttempts>
  /** Since when pods are deleted without grace or regard to budgets; undefined while they are evicted. */
  readonly forcedSince: number | undefined
  /** Until when evictions are asked for; afterwards pods are deleted with their grace period, budgets or not. */
  readonly evictUntil: number
}

/** How a pod is asked to go. */
export type PodRemoval = 'evict' | 'delete' | 'force'

/** What one pass of a drain does. */
export interface DrainDecision {
  readonly removals: readonly { readonly pod: Pod; readonly how: PodRemoval }[]
  readonly finished: boolean
  /** When to decide again at the latest. */
  readonly nextAt: number
  /** Pods that are still there and why, for people; sorted, so that saying it again changes nothing. */
  readonly blockers: readonly string[]
  /** Whether the API server refuses to evict one of them. */
  readonly refused: boolean
}

/** How long a forced drain waits for pods that were deleted without grace: their kubelet may be dead. */
export const forceWaitMilliseconds = 60_000

const recheckMilliseconds = 60_000

/**
 * Decides one pass. All pods are asked at the same time; a pod that was refused is asked again later, one that is going is waited for,
 * and no pod is killed before its grace period unless the drain is forced. (Pods with volumes will get an order of their own.)
 */
export function decideDrain(observed: DrainObservation, now: number): DrainDecision {
  const { pods, attempts, forcedSince, evictUntil } = observed
  const staying = pods.filter(mustLeave)
  const patience = forcedSince === undefined ? undefined : forcedSince + forceWaitMilliseconds
  const blockers = staying.map((pod) => blocker(pod, attempts)).sort()
  if (staying.length === 0 || (patience !== undefined && now >= patience)) {
    return { removals: [], finished: true, nextAt: now, blockers, refused: false }
  }
  const removals: { pod: Pod; how: PodRemoval }[] = []
  const instants = [patience ?? evictUntil + 1, now + recheckMilliseconds].filter((instant) => instant > now)
  for (const pod of staying) {
    const attempt = attempts.get(pod.metadata.uid ?? '')
    const how = removalOf(pod, forcedSince !== undefined, now >= evictUntil)
    if (how === undefined) continue
    if (attempt?.how === how && attempt.notBefore > now) instants.push(attempt.notBefore)
    else removals.push({ pod, how })
  }
  const refused = staying.some((pod) => isRefused(pod, attempts))
  return { removals, finished: false, nextAt: Math.min(...instants), blockers, refused }
}

function removalOf(pod: Pod, forced: boolean, evictionsOver: boolean): PodRemoval | undefined {
  if (forced) return 'force'
  if (pod.metadata.deletionTimestamp !== undefined) return undefined
  return evictionsOver ? 'delete' : 'evict'
}

function isRefused(pod: Pod, attempts: ReadonlyMap<string, EvictionAttempts>): boolean {
  return pod.metadata.deletionTimestamp === undefined && attempts.get(pod.metadata.uid ?? '')?.refusal !== undefined
}

function blocker(pod: Pod, attempts: ReadonlyMap<string, EvictionAttempts>): string {
  const name = keyText(keyOf(pod))
  const refusal = attempts.get(pod.metadata.uid ?? '')?.refusal
  if (pod.metadata.deletionTimestamp !== undefined) return `pod ${name} is terminating`
  return refusal === undefined ? `pod ${name} is asked to go` : `pod ${name} cannot be evicted: ${refusal}`
}

/** At most a few blockers in a sentence. */
export function describeBlockers(blockers: readonly string[]): string {
  const most = 3
  const shown = blockers.slice(0, most).join('; ')
  return blockers.length > most ? `${shown}; and ${blockers.length - most} more` : shown
}
