import type { Clock } from '@trellis/foundation/clock'
import { describe, Failure, isFailure } from '@trellis/foundation/failure'
import { childSignal } from '@trellis/foundation/lifetime'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client } from './client.ts'
import { createLeaseHolder, type LeaseHolder } from './lease-holder.ts'

/** What a process that may run only once needs. */
export interface LeaseOptions {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly namespace: string
  readonly name: string
  /** Tells this process from every other, as in `pod-name_random`. */
  readonly identity: string
  /** How long others wait after the last renewal that they saw; 15 unless told. */
  readonly leaseDurationSeconds?: number
  /** How long the holder works on without having renewed; 10 unless told. Must be shorter than the duration. */
  readonly renewDeadlineSeconds?: number
  /** Pause between tries; 2 unless told. Must be shorter than the deadline. */
  readonly retryPeriodSeconds?: number
  readonly signal: AbortSignal
  /** Runs while the lease is held. Its signal aborts when the lease is lost or the caller stops; it should end soon after. */
  readonly work: (signal: AbortSignal) => Promise<void>
}

/** Pauses are lengthened by up to this factor, so that candidates do not march in step. */
const jitterFactor = 0.2

/**
 * Waits for a Lease, then works while it is held. Never do two processes with this Lease work at once, as long as their clocks run at
 * about the same speed. Returns when the work ends or the signal aborts, having given the Lease back so that the next one starts at once.
 * Throws `Conflict` when the Lease was lost, after the work has ended: the process should then end and start anew.
 */
export async function runWithLease(options: LeaseOptions): Promise<void> {
  const settings = settingsOf(options)
  const holder = createLeaseHolder({ ...options, ...settings })
  if (!(await acquire(options, settings, holder))) return
  const log = options.log.child({ lease: `${options.namespace}/${options.name}`, identity: options.identity })
  log.info({}, 'holds the lease')
  const work = childSignal(options.signal)
  const renewing = new AbortController()
  const renewal = renew(options, settings, holder, renewing.signal).then((lost) => {
    if (lost !== undefined) {
      log.error({ error: describe(lost) }, 'lost the lease')
      work.abort(lost)
    }
    return lost
  })
  try {
    await options.work(work.signal)
  } catch (error) {
    if (!work.signal.aborted) throw error
  } finally {
    renewing.abort()
    if ((await renewal) === undefined) await release(options, settings, holder)
  }
  const lost = await renewal
  if (lost !== undefined) throw lost
}

interface Settings {
  readonly leaseDurationMilliseconds: number
  readonly renewDeadlineMilliseconds: number
  readonly retryPeriodMilliseconds: number
}

function settingsOf(options: LeaseOptions): Settings {
  const { leaseDurationSeconds = 15, renewDeadlineSeconds = 10, retryPeriodSeconds = 2 } = options
  if (renewDeadlineSeconds >= leaseDurationSeconds) {
    throw new Failure('Invalid', 'must be shorter than the lease duration', { field: 'renewDeadlineSeconds' })
  }
  if (retryPeriodSeconds * (1 + jitterFactor) >= renewDeadlineSeconds) {
    throw new Failure('Invalid', 'must be shorter than the renew deadline', { field: 'retryPeriodSeconds' })
  }
  return {
    leaseDurationMilliseconds: leaseDurationSeconds * 1000,
    renewDeadlineMilliseconds: renewDeadlineSeconds * 1000,
    retryPeriodMilliseconds: retryPeriodSeconds * 1000,
  }
}

/** Whether the lease was obtained; not, when the signal aborted first. */
async function acquire(options: LeaseOptions, settings: Settings, holder: LeaseHolder): Promise<boolean> {
  const { clock, random, signal, log } = options
  while (!signal.aborted) {
    try {
      const outcome = await within(clock, settings.renewDeadlineMilliseconds, holder.tryToHold(), signal)
      if (outcome === 'held') return true
    } catch (error) {
      const raced = isFailure(error, 'Conflict')
      if (!signal.aborted && !raced) log.warn({ error: describe(error) }, 'cannot ask for the lease')
    }
    const pause = settings.retryPeriodMilliseconds * (1 + jitterFactor * random.fraction())
    await clock.sleep(pause, signal).catch(() => {})
  }
  return false
}

/** Renews until the signal aborts. Resolves earlier, with the reason, when the lease is lost. */
async function renew(
  options: LeaseOptions,
  settings: Settings,
  holder: LeaseHolder,
  signal: AbortSignal,
): Promise<Failure | undefined> {
  const { clock, log } = options
  const { renewDeadlineMilliseconds, retryPeriodMilliseconds } = settings
  for (let renewedAt = clock.now(); ; ) {
    const end = renewedAt + renewDeadlineMilliseconds
    await clock.sleep(Math.min(retryPeriodMilliseconds, end - clock.now()), signal).catch(() => {})
    const askedAt = clock.now()
    try {
      signal.throwIfAborted()
      if ((await within(clock, end - askedAt, holder.tryToHold(), signal)) === 'taken') {
        return new Failure('Conflict', 'the lease was lost: somebody else holds it')
      }
      renewedAt = askedAt
    } catch (error) {
      if (signal.aborted) return undefined
      if (clock.now() >= end) return new Failure('Conflict', 'the lease was lost: renewing failed', { cause: error })
      log.debug({ error: describe(error) }, 'cannot renew the lease yet')
    }
  }
}

/** Gives the lease back; when that fails, others wait for it to run out. */
async function release(options: LeaseOptions, settings: Settings, holder: LeaseHolder): Promise<void> {
  const never = new AbortController().signal
  try {
    await within(options.clock, settings.retryPeriodMilliseconds, holder.release(), never)
  } catch (error) {
    options.log.debug({ error: describe(error) }, 'cannot give the lease back')
  }
}

/** Bounds a request that cannot be called off. */
function within<Value>(clock: Clock, milliseconds: number, work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      timer.cancel()
      signal.removeEventListener('abort', onAbort)
      settle()
    }
    const onAbort = () => finish(() => reject(signal.reason))
    const late = () => reject(new Failure('Unavailable', `no answer within ${milliseconds} ms`))
    const timer = clock.setTimer(milliseconds, () => finish(late))
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(
      (value) => finish(() => resolve(value)),
      (error: unknown) => finish(() => reject(error)),
    )
  })
}
