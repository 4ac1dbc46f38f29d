import { type Clock, createClock } from '../src/clock.ts'

/** A clock that stands still until a test moves it. */
export interface VirtualClock extends Clock {
  /** Moves time forward, firing every timer that falls due on the way in order, and lets promise callbacks run between them. */
  advance(milliseconds: number): Promise<void>
  /** Instants of the timers still set, soonest first. */
  pending(): readonly number[]
}

interface Entry {
  readonly due: number
  readonly order: number
  readonly work: () => void
}

/** Makes a virtual clock that begins at `start` (milliseconds since the Unix epoch). */
export function createVirtualClock(start = Date.UTC(2026, 0, 1)): VirtualClock {
  let present = start
  let order = 0
  const entries = new Set<Entry>()
  const sorted = () => [...entries].sort((a, b) => a.due - b.due || a.order - b.order)
  const clock = createClock(
    () => present,
    (milliseconds, work) => {
      const entry = { due: present + Math.max(milliseconds, 0), order: order++, work }
      entries.add(entry)
      return { cancel: () => void entries.delete(entry) }
    },
  )
  return {
    ...clock,
    pending: () => sorted().map((entry) => entry.due),
    advance: async (milliseconds) => {
      const end = present + milliseconds
      await settle()
      for (let next = sorted()[0]; next !== undefined && next.due <= end; next = sorted()[0]) {
        entries.delete(next)
        present = Math.max(present, next.due)
        next.work()
        await settle()
      }
      present = end
      await settle()
    },
  }
}

/** Lets every promise callback that is ready run, including those that they make ready. */
async function settle(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve))
}
