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

/** Whether the drain before the machine's deletion was written down as over. One for another purpose, before it was to go, says nothing about that. */
export function isDrained(machine: Machine): boolean {
  return endOfDrain(machine) !== undefined
}

function endOfDrain({ metadata, status }: Machine): NodeCondition | undefined {
  const condition = findCondition(status?.conditions, drainedCondition)
  if (condition?.status !== 'True' || metadata.deletionTimestamp === undefined) return undefined
  const ended = Date.parse(condition.lastTransitionTime ?? '')
  return ended >= Date.parse(metadata.deletionTimestamp) ? condition : undefined
}

/** Whether a drain that was written down as over may have left volumes attached. */
export function mayHoldVolumes(machine: Machine): boolean {
  const condition = endOfDrain(machine)
  return condition !== undefined && condition.reason !== drainedReasons.well
}
