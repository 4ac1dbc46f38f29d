import { type Clock, createClock } from '../src/clock.ts'
import type { Random } from '../src/random.ts'

/** A clock that stands still until a test moves it. */
export interface VirtualClock extends Clock {
  /** Moves time forward, firing every timer that falls due on the way in order, and lets promise callbacks run between them. */
  advance(milliseconds: number): Promise<void>
  /** Fires the soonest timer if it falls due by that instant, and lets promise callbacks run. False when there is none: time stands there then. */
  step(until: number): Promise<boolean>
  /** Instants of the timers still set, soonest first. */
  pending(): readonly number[]
}

interface Entry {
  readonly due: number
  /** Among timers that fall due at one instant, lower ones come first. */
  readonly order: number
  readonly work: () => void
}

/**
 * Makes a virtual clock that begins at `start` (milliseconds since the Unix epoch). Timers that fall due at the same instant fire in the order
 * in which they were set, or in a random one when `shuffle` is given: no real clock promises more.
 */
export function createVirtualClock(start = Date.UTC(2026, 0, 1), shuffle?: Random): VirtualClock {
  let present = start
  let count = 0
  const entries = new Set<Entry>()
  const clock = createClock(
    () => present,
    (milliseconds, work) => {
      const order = shuffle === undefined ? count++ : shuffle.integer(2 ** 30)
      const entry = { due: present + Math.max(milliseconds, 0), order, work }
      entries.add(entry)
      return { cancel: () => void entries.delete(entry) }
    },
  )
  const soonest = (): Entry | undefined => {
    let first: Entry | undefined
    for (const entry of entries) {
      if (first === undefined || entry.due < first.due || (entry.due === first.due && entry.order < first.order))
        first = entry
    }
    return first
  }
  const step = async (until: number): Promise<boolean> => {
    const next = soonest()
    if (next === undefined || next.due > until) {
      present = Math.max(present, until)
      return false
    }
    entries.delete(next)
    present = Math.max(present, next.due)
    next.work()
    await settle()
    return true
  }
  return {
    ...clock,
    step,
    pending: () => [...entries].map(({ due }) => due).sort((a, b) => a - b),
    advance: async (milliseconds) => {
      const end = present + milliseconds
      await settle()
      while (await step(end));
      await settle()
    },
  }
}

/** Lets every promise callback that is ready run, including those that they make ready. */
async function settle(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve))
}
