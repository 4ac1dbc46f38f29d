import { createSystemClock } from '@trellis/foundation/clock'
import { InvariantError } from '@trellis/foundation/failure'

/** Asks until the answer is not undefined and returns it. Throws with `what` and the last error when that takes longer than the deadline. */
export async function eventually<Value>(
  what: string,
  ask: () => Promise<Value | undefined> | Value | undefined,
  deadlineMilliseconds = 15_000,
): Promise<Value> {
  const clock = createSystemClock()
  const end = clock.now() + deadlineMilliseconds
  let last: unknown
  while (clock.now() < end) {
    try {
      const value = await ask()
      if (value !== undefined) return value
    } catch (error) {
      last = error
    }
    await clock.sleep(25)
  }
  throw new InvariantError(`${what} did not happen within ${deadlineMilliseconds} ms`, { cause: last })
}
