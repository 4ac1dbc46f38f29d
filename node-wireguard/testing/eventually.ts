import { createSystemClock } from '@trellis/foundation/clock'
import { InvariantError } from '@trellis/foundation/failure'

/** How many times as long as usual everything may take: more than one on a machine that is emulated. */
export const patience = Number(process.env.TRELLIS_TEST_PATIENCE ?? 1)

/** Asks until the answer is not undefined and returns it. Throws with `what` and the last error when that takes longer than the deadline, times the {@link patience}. */
export async function eventually<Value>(
  what: string,
  ask: () => Promise<Value | undefined> | Value | undefined,
  deadlineMilliseconds = 15_000,
): Promise<Value> {
  const clock = createSystemClock()
  const end = clock.now() + deadlineMilliseconds * patience
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
  throw new InvariantError(`${what} did not happen within ${deadlineMilliseconds * patience} ms`, { cause: last })
}
