/** A timer that has been set and may still be called off. */
export interface Timer {
  /** Calls the timer off; harmless when it has fired already. */
  cancel(): void
}

/** The only source of time in the house. Every instant is in milliseconds since the Unix epoch, every span in milliseconds. */
export interface Clock {
  /** The present instant. */
  now(): number
  /** Runs `work` once, no earlier than `milliseconds` from now. The timer does not keep the process alive by itself when `unref` is set. */
  setTimer(milliseconds: number, work: () => void, options?: { readonly unref?: boolean }): Timer
  /** Resolves after `milliseconds`; rejects with the signal's reason when the signal aborts first. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>
}

/** Longest delay that the runtime's timers accept. */
const longestDelayMilliseconds = 2 ** 31 - 1

/** What the runtime's timers may lack of a delay: they count whole milliseconds from one that has begun already. */
const roundingMilliseconds = 1

/** Time as the machine tells it. */
export function createSystemClock(): Clock {
  return createClock(
    () => Date.now(),
    (milliseconds, work, unref) => {
      const delay = milliseconds > 0 ? Math.min(milliseconds + roundingMilliseconds, longestDelayMilliseconds) : 0
      const handle = setTimeout(work, delay)
      if (unref) handle.unref()
      return { cancel: () => clearTimeout(handle) }
    },
  )
}

/** Builds a clock from its two primitives, so that every clock sleeps and aborts alike. */
export function createClock(
  now: () => number,
  setTimer: (milliseconds: number, work: () => void, unref: boolean) => Timer,
): Clock {
  return {
    now,
    setTimer: (milliseconds, work, options) => setTimer(milliseconds, work, options?.unref ?? false),
    sleep: (milliseconds, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(signal.reason)
          return
        }
        const onAbort = () => {
          timer.cancel()
          reject(signal?.reason)
        }
        const timer = setTimer(
          milliseconds,
          () => {
            signal?.removeEventListener('abort', onAbort)
            resolve()
          },
          false,
        )
        signal?.addEventListener('abort', onAbort, { once: true })
      }),
  }
}
