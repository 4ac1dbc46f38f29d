import { type Clock, createClock } from '@trellis/foundation/clock'

/** One life of the controllers' process, from its start to its sudden end. */
export interface Life {
  /** Time as this life sees it: its timers die with it, so that nothing of it ever runs again, not even what cleans up. */
  readonly clock: Clock
  isOver(): boolean
  /** Ends it at once, between two instructions, as a lost machine does. Later calls do nothing. */
  end(): void
  /** Calls back when it ends. */
  onEnd(listener: () => void): void
}

/** Begins a life on a clock that goes on after it. */
export function createLife(clock: Clock): Life {
  const timers = new Set<{ cancel(): void }>()
  const listeners: (() => void)[] = []
  let over = false
  return {
    clock: createClock(clock.now, (milliseconds, work, unref) => {
      if (over) return { cancel: () => {} }
      const timer = clock.setTimer(
        milliseconds,
        () => {
          timers.delete(entry)
          work()
        },
        { unref },
      )
      const entry = {
        cancel: () => {
          timers.delete(entry)
          timer.cancel()
        },
      }
      timers.add(entry)
      return entry
    }),
    isOver: () => over,
    end: () => {
      if (over) return
      over = true
      for (const timer of [...timers]) timer.cancel()
      for (const listener of listeners) listener()
    },
    onEnd: (listener) => void listeners.push(listener),
  }
}

/** What a call of a process that is no more comes to: nothing, for ever. */
export function never<Value>(): Promise<Value> {
  return new Promise(() => {})
}
