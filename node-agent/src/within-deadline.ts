import type { Clock } from '@trellis/foundation/clock'

/** Runs work whose signal aborts after a while, in which case `late()` is thrown in its stead. */
export async function withinDeadline<Value>(
  clock: Clock,
  milliseconds: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<Value>,
  late: () => Error,
): Promise<Value> {
  const deadline = new AbortController()
  const timer = clock.setTimer(milliseconds, () => deadline.abort())
  try {
    return await work(AbortSignal.any([signal, deadline.signal]))
  } catch (error) {
    signal.throwIfAborted()
    throw deadline.signal.aborted ? late() : error
  } finally {
    timer.cancel()
  }
}
