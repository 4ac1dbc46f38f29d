import { findCondition, setCondition } from '@trellis/api/conditions'
import type { Machine, NodeCondition } from '@trellis/api/machine/machine'
import type { DrainProgress } from './drain-node.ts'

/** Type of the machine condition that tells how its drain stands. */
export const drainedCondition = 'Drained'

/** The machine's conditions with what the drain has come to. Saying the same again changes nothing. */
export function withDrainProgress(machine: Machine, progress: DrainProgress, now: number): readonly NodeCondition[] {
  if (progress.kind === 'draining') {
    return withDrained(machine, { status: 'False', reason: progress.reason, message: progress.message }, now)
  }
  const left = progress.message === '' ? '' : `; left behind: ${progress.message}`
  const reason = progress.forced ? 'Forced' : 'Drained'
  return withDrained(machine, { status: 'True', reason, message: `All pods were asked to leave${left}` }, now)
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
