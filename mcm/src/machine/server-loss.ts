import { describe, isFailure } from '@trellis/foundation/failure'
import type { MachineContext } from './context.ts'
import type { MachineObservation } from './observation.ts'
import type { StatusStatement } from './phase.ts'

/** What the cloud said lately of the server of a machine that is ill. */
export interface ServerLooks {
  readonly lookedAt: number
  /** Looks in a row that found the server stopped or gone. */
  readonly bad: number
  /** What the last of them found. */
  readonly why?: string
}

/** So many looks in a row make sure: clouds show things late. */
export const convincingLooks = 2

const firstLookMilliseconds = 10_000
const nextLookMilliseconds = 20_000
const shortestPauseMilliseconds = 60_000
const longestPauseMilliseconds = 300_000

/** When the cloud is to be asked next about the server of a machine that has been ill since that instant: soon, then ever more seldom, and soon again in doubt. */
export function nextServerLook(since: number, looks: ServerLooks | undefined): number {
  if (looks === undefined || looks.lookedAt < since) return since + firstLookMilliseconds
  if (looks.bad > 0) return looks.lookedAt + nextLookMilliseconds
  const pause = Math.max(shortestPauseMilliseconds, (looks.lookedAt - since) / 2)
  return looks.lookedAt + Math.min(longestPauseMilliseconds, pause)
}

/** Asks the cloud about the server. Trouble of the cloud says nothing about it. */
export async function lookAtLostServer(
  { driver, clock }: MachineContext,
  { machine, classView }: MachineObservation,
  { before, signal }: { readonly before: ServerLooks | undefined; readonly signal: AbortSignal },
): Promise<ServerLooks> {
  const lookedAt = clock.now()
  const bad = (why: string): ServerLooks => ({ lookedAt, why, bad: (before?.bad ?? 0) + 1 })
  const { providerID: providerId } = machine.spec ?? {}
  if (!classView.ok || providerId === undefined) return { lookedAt, bad: 0 }
  try {
    const request = { machineName: machine.metadata.name, providerId, ...classView.value.settings }
    const { state, reason } = await driver.getMachineStatus(request, { signal })
    if (state !== 'stopped' && state !== 'failed') return { lookedAt, bad: 0 }
    return bad(
      `it has ${state === 'stopped' ? 'stopped by itself' : 'failed'}${reason === undefined ? '' : `: ${reason}`}`,
    )
  } catch (error) {
    signal.throwIfAborted()
    return isFailure(error, 'NotFound') ? bad(describe(error)) : { lookedAt, bad: 0 }
  }
}

/** The status of a machine whose server was taken away, as the cloud does with interruptible ones. */
export function serverLostStatement(why: string): StatusStatement {
  return {
    phase: 'Failed',
    timeoutActive: false,
    operation: { type: 'HealthCheck', state: 'Failed', description: `The server was lost: ${why}` },
  }
}
