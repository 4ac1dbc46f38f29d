import { type Clock, createClock, createSystemClock } from '@trellis/foundation/clock'

/** A clock at which what waits for its turn goes on at once, and nothing is ever late. */
export function createHastyClock(): Clock {
  let now = createSystemClock().now()
  return createClock(
    () => now,
    (milliseconds, work, unref) => {
      let called = false
      if (!unref) {
        now += milliseconds
        queueMicrotask(() => called || work())
      }
      return {
        cancel: () => {
          called = true
        },
      }
    },
  )
}
