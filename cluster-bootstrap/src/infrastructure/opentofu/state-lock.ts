import { leases } from '@trellis/api/core/lease'
import type { ObjectKey } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import { childSignal } from '@trellis/foundation/lifetime'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import { runWithLease } from '@trellis/kubernetes/lease'

/** What a lock works with. */
export interface StateLockOptions {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** The Lease. */
  readonly key: Required<ObjectKey>
  /** Tells this run from every other. */
  readonly identity: string
  /** How long to wait for another run to end. */
  readonly patienceMilliseconds: number
  readonly signal: AbortSignal
}

/**
 * Works while no other run does on the same state. Throws `Conflict` that names the holder when another run has not ended in time, and when the lock is
 * lost in the middle: then the signal that the work was given has aborted, and the work has ended. Aborts like the signal.
 */
export async function withStateLock<Value>(
  options: StateLockOptions,
  work: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const { clock, signal, patienceMilliseconds } = options
  signal.throwIfAborted()
  const waiting = childSignal(signal)
  const timer = clock.setTimer(patienceMilliseconds, () => waiting.abort())
  let result: { readonly value: Value } | undefined
  let failed: { readonly error: unknown } | undefined
  try {
    await runWithLease({
      ...options,
      ...options.key,
      signal: waiting.signal,
      work: async (held) => {
        timer.cancel()
        // Taken in the very moment in which patience ended.
        if (held.aborted) return
        try {
          result = { value: await work(held) }
        } catch (error) {
          failed = { error }
        }
      },
    })
  } finally {
    timer.cancel()
  }
  if (failed !== undefined) throw failed.error
  if (result !== undefined) return result.value
  signal.throwIfAborted()
  throw await refusal(options)
}

async function refusal({ client, key }: StateLockOptions): Promise<Failure> {
  const lease = await client.find(leases, key)
  const name = `${key.namespace}/${key.name}`
  if (lease === undefined) {
    return new Failure('Unavailable', `Lease ${name} cannot be made`, {
      remedy: `see whether namespace ${key.namespace} exists`,
    })
  }
  const holder = lease.spec?.holderIdentity ?? ''
  return new Failure('Conflict', `another run${holder === '' ? '' : ` (${holder})`} works on the infrastructure`, {
    remedy: `wait for it to end; Lease ${name} says who it is`,
  })
}
