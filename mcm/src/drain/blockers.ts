import { instantText } from '@trellis/api/conditions'
import type { Pod } from '@trellis/api/core/pod'
import type { BudgetVerdict } from './budgets.ts'
import type { EvictionAttempts } from './decide.ts'
import { isUnderWay, type Move, type MoveStage } from './moves.ts'
import { nameOf } from './pods.ts'

/** Reasons why a drain is not over, gravest first. */
export const blockerReasons = [
  'SeveralBudgets',
  'BudgetMisconfigured',
  'EvictionRefused',
  'WaitingForVolumes',
  'MovingPods',
] as const
export type BlockerReason = (typeof blockerReasons)[number]

/** Something that a drain waits for. */
export interface Blocker {
  readonly reason: BlockerReason
  /** For people; the same while nothing changes. */
  readonly text: string
}

/** Why a pod is still there. */
export function podBlocker(
  pod: Pod,
  attempt: EvictionAttempts | undefined,
  verdict: BudgetVerdict | undefined,
): Blocker {
  const name = nameOf(pod)
  if (pod.metadata.deletionTimestamp !== undefined) return { reason: 'MovingPods', text: `pod ${name} is terminating` }
  if (attempt === undefined) return { reason: 'MovingPods', text: `pod ${name} waits for its turn` }
  if (attempt.refusal === undefined) return { reason: 'MovingPods', text: `pod ${name} is asked to go` }
  const since = instantText(attempt.refusedSince ?? attempt.at)
  const why = verdict !== undefined && 'text' in verdict ? verdict.text : attempt.refusal
  return { reason: refusalReason(verdict), text: `pod ${name} cannot be evicted (tried since ${since}): ${why}` }
}

function refusalReason(verdict: BudgetVerdict | undefined): BlockerReason {
  if (verdict?.kind === 'several') return 'SeveralBudgets'
  return verdict?.kind === 'blocks' && verdict.misconfigured ? 'BudgetMisconfigured' : 'EvictionRefused'
}

/** Why others wait for the volumes of a pod that has gone; undefined when they do not. */
export function moveBlocker(move: Move, stage: MoveStage): Blocker | undefined {
  if (!isUnderWay(stage) || stage === 'leaving') return undefined
  const what = stage === 'detaching' ? 'detached from this node' : 'attached to another node'
  return { reason: 'WaitingForVolumes', text: `${volumesText(move.volumes)} of pod ${move.pod} waits to be ${what}` }
}

/** Why the drain waits for volumes although all pods have gone. */
export function volumesBlocker(volumes: readonly string[]): Blocker {
  return { reason: 'WaitingForVolumes', text: `${volumesText(volumes)} is still attached to this node` }
}

/** Names of volumes, not more than a few. */
export function volumesText(volumes: readonly string[]): string {
  const most = 5
  const more = volumes.length > most ? ` and ${volumes.length - most} more` : ''
  return `volume ${volumes.slice(0, most).join(', ')}${more}`
}

/** Blockers in their order: gravest first, then by text, so that saying them again changes nothing. */
export function sortBlockers(blockers: readonly Blocker[]): readonly Blocker[] {
  const rank = ({ reason }: Blocker) => blockerReasons.indexOf(reason)
  return [...blockers].sort((a, b) => rank(a) - rank(b) || (a.text < b.text ? -1 : 1))
}

/** At most a few blockers in a sentence of bounded length. */
export function describeBlockers(blockers: readonly Blocker[]): string {
  const most = 3
  const shown = blockers.slice(0, most).map(({ text }) => shorten(text))
  const more = blockers.length > most ? `; and ${blockers.length - most} more` : ''
  return `${shown.join('; ')}${more}`
}

function shorten(text: string): string {
  const longest = 400
  return text.length <= longest ? text : `${text.slice(0, longest - 1)}…`
}
