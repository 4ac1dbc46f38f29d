import type { Clock } from '@trellis/foundation/clock'

/** How questions are gathered. */
export interface CoalesceSettings<Answer> {
  /** Most keys that one call of the cloud may ask for; a call with as many begins at once. */
  readonly most: number
  /** How long the first question of a call waits for others. */
  readonly withinMilliseconds: number
  /** Asks the cloud once for all of these, none of them twice. A key that the answer lacks does not exist. */
  readonly fetch: (keys: readonly string[]) => Promise<ReadonlyMap<string, Answer>>
}

/** Questions about one thing each that share calls of the cloud. */
export interface Coalescer<Answer> {
  /** The answer for one key; undefined when there is none. Never older than the question. Rejects with what the shared call failed with, or with the signal's reason. */
  ask(key: string, signal?: AbortSignal): Promise<Answer | undefined>
}

/** A call that is yet to begin. */
interface Batch<Answer> {
  readonly keys: Set<string>
  readonly answers: Promise<ReadonlyMap<string, Answer>>
  begin(): void
}

/**
 * Gathers questions that come within a short time into one call, as clouds that ration calls want it: a hundred machines that are looked at together cost one call instead of a hundred.
 * A caller that gives up leaves the call to the others.
 */
export function createCoalescer<Answer>(
  { clock }: { readonly clock: Clock },
  settings: CoalesceSettings<Answer>,
): Coalescer<Answer> {
  let gathering: Batch<Answer> | undefined
  const open = (): Batch<Answer> => {
    const keys = new Set<string>()
    const { promise, resolve } = Promise.withResolvers<ReadonlyMap<string, Answer>>()
    const begin = () => {
      timer.cancel()
      gathering = undefined
      resolve(settings.fetch([...keys]))
    }
    const timer = clock.setTimer(settings.withinMilliseconds, begin)
    // Whoever asked may have given up: a failure that nobody waits for any more is nobody's.
    promise.catch(() => {})
    return { keys, answers: promise, begin }
  }
  return {
    ask: async (key, signal) => {
      signal?.throwIfAborted()
      gathering ??= open()
      const batch = gathering
      batch.keys.add(key)
      if (batch.keys.size >= settings.most) batch.begin()
      return (await unlessAborted(batch.answers, signal)).get(key)
    },
  }
}

/** Waits for shared work; a caller whose signal aborts leaves it to the others, with the signal's reason. */
export function unlessAborted<Value>(work: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return work
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason)
    signal.addEventListener('abort', leave, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  })
}
