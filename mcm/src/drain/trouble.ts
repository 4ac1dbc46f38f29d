import type { Machine } from '@trellis/api/machine/machine'
import { type Blocker, type BlockerReason, describeBlockers } from './blockers.ts'
import type { DrainSession } from './session.ts'

/** Refusals and waits are part of a drain; longer ones are news. */
const newsAfterMilliseconds = 30_000
/** What will not pass by itself is news at once. */
const grave: readonly BlockerReason[] = ['SeveralBudgets', 'BudgetMisconfigured']

/** Tells in an event what holds a drain up: each kind of trouble once. */
export function tellHeldUp(session: DrainSession, machine: Machine, blockers: readonly Blocker[]): void {
  const { told, context, attempts, forcedSince } = session
  const reason = blockers[0]?.reason
  if (reason === undefined || forcedSince !== undefined || told.has(reason)) return
  const refusals = [...attempts.values()].map(({ refusedSince }) => refusedSince).filter((since) => since !== undefined)
  const since = Math.min(...refusals)
  const late = reason === 'EvictionRefused' && context.clock.now() - since >= newsAfterMilliseconds
  if (!late && !grave.includes(reason)) return
  told.add(reason)
  context.events.warn(machine, 'DrainHeldUp', `The drain is held up: ${describeBlockers(blockers)}`)
}

/** Tells in an event that a drain is over which had trouble, or ended with some. */
export function tellEnd({ told, context }: DrainSession, machine: Machine, trouble: string): void {
  if (told.has('end')) return
  told.add('end')
  if (trouble !== '') context.events.warn(machine, 'DrainIncomplete', `The drain of the node is over; ${trouble}`)
  else if (told.size > 1)
    context.events.normal(machine, 'DrainFinished', 'The drain of the node is over; all pods have gone')
}
