import type { Pod } from '@trellis/api/core/pod'
import { controllerOf } from '../common/ownership.ts'
import { type Blocker, moveBlocker, podBlocker, sortBlockers, volumesBlocker } from './blockers.ts'
import type { BudgetVerdict } from './budgets.ts'
import {
  choosePods,
  isUnderWay,
  type Move,
  type MoveView,
  moveDeadline,
  noteDetached,
  type OrderedPod,
  stageOf,
} from './moves.ts'
import { mustLeave, nameOf, priorityOf, uidOf } from './pods.ts'

/** What became of the attempts to move one pod, in this process. */
export interface EvictionAttempts {
  readonly tries: number
  /** How it was asked to go last, and when. */
  readonly how: PodRemoval
  readonly at: number
  /** Not to be asked in the same way before this instant, unless its budget opens. */
  readonly notBefore: number
  /** What the API server said against it last, and since when it has been saying such things. */
  readonly refusal?: string
  readonly refusedSince?: number
  /** Version of the budget that allowed it when it was asked; while that is the present one, asking again early is in vain. */
  readonly budgetVersion?: string
}

/** What one pass of a drain knows about volumes. */
export interface VolumeObservation extends MoveView {
  /** By uid of the pod: volumes that are attached here and that no other pod of the node uses. Pods that are not in it need no order. */
  readonly orderly: ReadonlyMap<string, readonly string[]>
  /** Pods that cannot be asked yet: their volumes are not known. */
  readonly unknown: ReadonlySet<string>
  readonly moves: readonly Move[]
  /** What is attached here and used by no pod that stays. */
  readonly left: readonly string[]
}

/** What one pass of a drain decides upon. */
export interface DrainObservation {
  readonly pods: readonly Pod[]
  /** By uid of the pod. */
  readonly attempts: ReadonlyMap<string, EvictionAttempts>
  /** What budgets say of pods that were refused, by uid. */
  readonly verdicts: ReadonlyMap<string, BudgetVerdict>
  readonly volumes: VolumeObservation
  /** Since when pods are deleted without grace or regard to budgets; undefined while they are evicted. */
  readonly forcedSince: number | undefined
  /** Until when evictions are asked for; afterwards pods are deleted with their grace period, budgets or not. */
  readonly evictUntil: number
  /** Until when volumes may take to be detached once all pods have gone. */
  readonly volumesUntil: number
}

/** How a pod is asked to go. */
export type PodRemoval = 'evict' | 'delete' | 'force'

/** What one pass of a drain does. */
export interface DrainDecision {
  readonly removals: readonly { readonly pod: Pod; readonly how: PodRemoval; readonly ordered?: OrderedPod }[]
  readonly finished: boolean
  /** When to decide again at the latest. */
  readonly nextAt: number
  /** What is still there and why; gravest first. */
  readonly blockers: readonly Blocker[]
  /** Volumes that are still attached although the drain is over. */
  readonly leftAttached: readonly string[]
  /** Moves with what was noted about them. */
  readonly moves: readonly Move[]
}

/** How long a forced drain waits for pods that were deleted without grace: their kubelet may be dead. */
export const forceWaitMilliseconds = 60_000

const recheckMilliseconds = 60_000

/**
 * Decides one pass. Pods whose volumes need no order are asked at the same time, the others as {@link choosePods} says; a pod that was refused is asked
 * again later, or when its budget opens; one that is going is waited for; and no pod is killed before its grace period unless the drain is forced.
 * The drain is over when all pods have gone and their volumes are detached, or had their time for that.
 */
export function decideDrain(observed: DrainObservation, now: number): DrainDecision {
  const staying = observed.pods.filter(mustLeave)
  if (observed.forcedSince !== undefined) return decideForced(observed, observed.forcedSince, { staying, now })
  const moves = observed.volumes.moves.map((move) => noteDetached(move, observed.volumes, now))
  if (staying.length === 0) return decideEnd(observed, moves, now)
  const stages = moves.map((move) => ({ move, stage: stageOf(move, observed.volumes, now) }))
  const how = now >= observed.evictUntil ? 'delete' : 'evict'
  const opened = openedPods(observed)
  const mayAsk = staying.filter((pod) => {
    if (pod.metadata.deletionTimestamp !== undefined || observed.volumes.unknown.has(uidOf(pod))) return false
    return opened.has(uidOf(pod)) || isDue(observed, pod, { how, now })
  })
  const moving = stages.filter(({ stage }) => isUnderWay(stage)).map(({ move }) => move)
  const deadlines = stages.map(({ move, stage }) => moveDeadline(move, stage, observed.volumes))
  return {
    removals: chooseRemovals(observed, mayAsk, { how, moving }),
    finished: false,
    nextAt: soonest([observed.evictUntil, ...deadlines, ...pauses(observed, staying)], now),
    blockers: blockersOf(observed, now),
    leftAttached: [],
    moves,
  }
}

function chooseRemovals(
  { volumes }: DrainObservation,
  mayAsk: readonly Pod[],
  { how, moving }: { readonly how: PodRemoval; readonly moving: readonly Move[] },
): DrainDecision['removals'] {
  const known = new Set(volumes.moves.map(({ uid }) => uid))
  const free = mayAsk.filter((pod) => !volumes.orderly.has(uidOf(pod)) || known.has(uidOf(pod)))
  const candidates = mayAsk.flatMap((pod) => {
    const names = volumes.orderly.get(uidOf(pod))
    return names === undefined || known.has(uidOf(pod)) ? [] : [{ ...orderedPod(pod, names), source: pod }]
  })
  const chosen = choosePods(candidates, moving)
  return [
    ...free.map((pod) => ({ pod, how })),
    ...chosen.map(({ source, ...ordered }) => ({ pod: source, how, ordered })),
  ]
}

/** A pod as the order sees it. */
export function orderedPod(pod: Pod, volumes: readonly string[]): OrderedPod {
  return {
    uid: uidOf(pod),
    pod: nameOf(pod),
    priority: priorityOf(pod),
    controller: controllerOf(pod)?.uid,
    volumes,
  }
}

/** Pods whose budget has changed since it refused them and allows disruptions now, no more than it allows. */
function openedPods({ attempts, verdicts }: DrainObservation): ReadonlySet<string> {
  const opened = new Set<string>()
  const used = new Map<string, number>()
  for (const [uid, verdict] of verdicts) {
    if (verdict.kind !== 'allows' || attempts.get(uid)?.budgetVersion === verdict.version) continue
    const count = (used.get(verdict.budget) ?? 0) + 1
    used.set(verdict.budget, count)
    if (count <= verdict.allowed) opened.add(uid)
  }
  return opened
}

function isDue(
  { attempts, verdicts }: DrainObservation,
  pod: Pod,
  { how, now }: { readonly how: PodRemoval; readonly now: number },
): boolean {
  const attempt = attempts.get(uidOf(pod))
  if (attempt === undefined || attempt.how !== how) return true
  const verdict = verdicts.get(uidOf(pod))
  // A budget that is known to refuse is watched: asking it again is for the case that the watch is wrong.
  const futile = verdict?.kind === 'blocks' || verdict?.kind === 'several'
  return attempt.notBefore <= now && (!futile || now >= attempt.at + recheckMilliseconds)
}

function pauses({ attempts }: DrainObservation, staying: readonly Pod[]): readonly number[] {
  return staying.flatMap((pod) => {
    const attempt = attempts.get(uidOf(pod))
    if (pod.metadata.deletionTimestamp !== undefined || attempt === undefined) return []
    return [attempt.notBefore, attempt.at + recheckMilliseconds]
  })
}

function soonest(instants: readonly (number | undefined)[], now: number): number {
  const ahead = instants.filter((instant) => instant !== undefined && instant > now) as number[]
  return Math.min(now + recheckMilliseconds, ...ahead)
}

/** What a drain waits for, gravest first. */
export function blockersOf({ pods, attempts, verdicts, volumes }: DrainObservation, now: number): readonly Blocker[] {
  const staying = pods.filter(mustLeave)
  const ofPods = staying.map((pod) => podBlocker(pod, attempts.get(uidOf(pod)), verdicts.get(uidOf(pod))))
  const ofMoves = volumes.moves.flatMap((move) => moveBlocker(move, stageOf(move, volumes, now)) ?? [])
  // When all pods have gone, it does not matter any more for whom volumes are to be attached elsewhere.
  if (staying.length > 0) return sortBlockers([...ofPods, ...ofMoves])
  return volumes.left.length === 0 ? [] : [volumesBlocker(volumes.left)]
}

/** All pods at once, without grace; ended also without them after a while. */
function decideForced(
  observed: DrainObservation,
  forcedSince: number,
  { staying, now }: { readonly staying: readonly Pod[]; readonly now: number },
): DrainDecision {
  const { attempts, volumes } = observed
  const patience = forcedSince + forceWaitMilliseconds
  const finished = staying.length === 0 || now >= patience
  const due = staying.filter((pod) => isDue(observed, pod, { how: 'force', now }))
  return {
    removals: finished ? [] : due.map((pod) => ({ pod, how: 'force' })),
    finished,
    nextAt: finished ? now : soonest([patience, ...staying.map((pod) => attempts.get(uidOf(pod))?.notBefore)], now),
    blockers: blockersOf(observed, now),
    leftAttached: volumes.left,
    moves: volumes.moves,
  }
}

function decideEnd(observed: DrainObservation, moves: readonly Move[], now: number): DrainDecision {
  const { volumes, volumesUntil } = observed
  const finished = volumes.left.length === 0 || now >= volumesUntil
  return {
    removals: [],
    finished,
    nextAt: finished ? now : soonest([volumesUntil], now),
    blockers: blockersOf(observed, now),
    leftAttached: finished ? volumes.left : [],
    moves,
  }
}
