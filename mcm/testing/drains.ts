import type { Pod } from '@trellis/api/core/pod'
import { type DrainDecision, type DrainObservation, decideDrain, type EvictionAttempts } from '../src/drain/decide.ts'
import { withoutVolumes } from '../src/drain/volumes.ts'
import { epoch } from './objects.ts'

/** The end of the time that {@link drainOf} gives to evictions. */
export const evictionsEnd: number = epoch + 7_200_000

/** What a drain without volumes and budgets looks at, two hours before evictions end. */
export function drainOf(pods: readonly Pod[], changes: Partial<DrainObservation> = {}): DrainObservation {
  return {
    pods,
    attempts: new Map(),
    verdicts: new Map(),
    volumes: withoutVolumes(pods, [], 90_000),
    forcedSince: undefined,
    evictUntil: evictionsEnd,
    volumesUntil: evictionsEnd,
    ...changes,
  }
}

/** An attempt that was made at the epoch, to be repeated after a second. */
export function attempt(changes: Partial<EvictionAttempts> = {}): EvictionAttempts {
  return { tries: 1, how: 'evict', at: epoch, notBefore: epoch + 1000, ...changes }
}

/** What a decision asks for, as in `evict a`. */
export function removalsOf({ removals }: DrainDecision): readonly string[] {
  return removals.map(({ pod, how }) => `${how} ${pod.metadata.name}`)
}

/** What a decision waits for. */
export function textsOf({ blockers }: DrainDecision): readonly string[] {
  return blockers.map(({ text }) => text)
}

/** Decides at the epoch unless told. */
export function decideOf(pods: readonly Pod[], changes: Partial<DrainObservation> = {}, now = epoch): DrainDecision {
  return decideDrain(drainOf(pods, changes), now)
}
