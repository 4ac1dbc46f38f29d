import type { JoinStep } from '@trellis/api/join-report'
import type { Clock } from '@trellis/foundation/clock'
import { describe, InvariantError, isFailure } from '@trellis/foundation/failure'
import type { Random } from '@trellis/foundation/random'
import { type Backoff, pauseMilliseconds } from '@trellis/foundation/retry'

/** One thing to be done on the way to a Ready node. Doing it again when it is done already must be harmless. */
export interface Step {
  readonly name: string
  /** Names of the steps that must be done first. */
  readonly after: readonly string[]
  /** Does it. An `Invalid` failure that names a field of the configuration ends the whole run; every other failure is tried again. */
  run(signal: AbortSignal): Promise<void>
}

/** What a run tells about itself. */
export interface RunnerOptions {
  readonly clock: Clock
  readonly random: Random
  readonly signal: AbortSignal
  /** Called whenever the state of any step changes, with all of them. */
  readonly onChange: (steps: readonly JoinStep[], changed: JoinStep) => void
}

const backoff: Backoff = { firstMilliseconds: 250, longestMilliseconds: 10_000 }

/** The states of steps before a run. */
export function pendingSteps(steps: readonly Step[]): readonly JoinStep[] {
  return steps.map(({ name }) => ({ name, state: 'pending', tries: 0 }))
}

/**
 * Runs every step as soon as the steps it comes after are done, and each until it succeeds. Resolves when all are done; rejects with the first failure
 * that no repetition can mend, leaving no step running.
 */
export async function runSteps(steps: readonly Step[], options: RunnerOptions): Promise<void> {
  checkOrder(steps)
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  const states = new Map(pendingSteps(steps).map((state) => [state.name, state]))
  const runs = new Map<string, Promise<void>>()
  const update = (name: string, change: Partial<JoinStep>) => {
    const changed = { ...(states.get(name) ?? { name, state: 'pending', tries: 0 }), ...change }
    states.set(name, changed)
    options.onChange([...states.values()], changed)
  }
  for (const step of steps) {
    const before = step.after.map((name) => runs.get(name))
    const run = Promise.all(before).then(() => runStep(step, { ...options, signal }, update))
    runs.set(
      step.name,
      run.catch((error) => {
        stop.abort(error)
        throw error
      }),
    )
  }
  const outcomes = await Promise.allSettled(runs.values())
  options.signal.throwIfAborted()
  if (outcomes.some((outcome) => outcome.status === 'rejected')) throw stop.signal.reason
}

async function runStep(
  step: Step,
  { clock, random, signal }: RunnerOptions,
  update: (name: string, change: Partial<JoinStep>) => void,
): Promise<void> {
  const startedAt = instant(clock)
  for (let tries = 1; ; tries++) {
    signal.throwIfAborted()
    update(step.name, { state: 'running', startedAt, tries })
    try {
      await step.run(signal)
      update(step.name, { state: 'done', finishedAt: instant(clock), error: undefined })
      return
    } catch (error) {
      signal.throwIfAborted()
      update(step.name, { state: 'failed', finishedAt: instant(clock), error: describe(error) })
      if (isHopeless(error)) throw error
      await clock.sleep(pauseMilliseconds(backoff, tries, random), signal)
    }
  }
}

/** Whether only another configuration or another agent can help. A cluster's refusals are not of that sort: clusters change. */
export function isHopeless(error: unknown): boolean {
  return (isFailure(error, 'Invalid') && error.field !== undefined) || error instanceof InvariantError
}

function checkOrder(steps: readonly Step[]): void {
  const known = new Set<string>()
  for (const { name, after } of steps) {
    const missing = after.find((other) => !known.has(other))
    if (missing !== undefined)
      throw new InvariantError(`step ${name} comes after ${missing}, which does not come before it`)
    if (known.has(name)) throw new InvariantError(`there are two steps ${name}`)
    known.add(name)
  }
}

function instant(clock: Clock): string {
  return new Date(clock.now()).toISOString()
}
