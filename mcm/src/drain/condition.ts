import { findCondition, setCondition } from '@trellis/api/conditions'
import type { Machine, NodeCondition } from '@trellis/api/machine/machine'
import type { DrainProgress } from './drain-node.ts'

/** Type of the machine condition that tells how its drain stands. */
export const drainedCondition = 'Drained'

/** Reasons of a drain that is over. */
export const drainedReasons = { well: 'Drained', forced: 'Forced', volumesLeft: 'VolumesLeftAttached' } as const

/** The machine's conditions with what the drain has come to. Saying the same again changes nothing. */
export function withDrainProgress(machine: Machine, progress: DrainProgress, now: number): readonly NodeCondition[] {
  if (progress.kind === 'draining') {
    return withDrained(machine, { status: 'False', reason: progress.reason, message: progress.message }, now)
  }
  const { well, forced, volumesLeft } = drainedReasons
  const reason = progress.forced ? forced : progress.leftAttached.length > 0 ? volumesLeft : well
  const message = `All pods were asked to leave${progress.message === '' ? '' : `; ${progress.message}`}`
  return withDrained(machine, { status: 'True', reason, message }, now)
}

/** The machine's conditions with a statement of one's own about its drain. */
export function withDrained(
  machine: Machine,
  statement: { readonly status: 'True' | 'False'; readonly reason: string; readonly message: string },
  now: number,
): readonly NodeCondition[] {
  return setCondition(machine.status?.conditions, { type: drainedCondition, ...statement }, now)
}

/** Whether a drain of the machine was written down as over. */
export function isDrained(machine: Machine): boolean {
  return findCondition(machine.status?.conditions, drainedCondition)?.status === 'True'
}

/** Whether a drain that was written down as over may have left volumes attached. */
export function mayHoldVolumes(machine: Machine): boolean {
  const condition = findCondition(machine.status?.conditions, drainedCondition)
  return condition?.status === 'True' && condition.reason !== drainedReasons.well
}
