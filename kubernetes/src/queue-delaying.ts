import type { Clock, Timer } from '@trellis/foundation/clock'
import type { PlainQueue } from './queue-plain.ts'

/** The middle layer of a work queue: keys that come later. */
export interface DelayingQueue extends PlainQueue {
  addAfter(key: string, milliseconds: number): void
}

/** Puts delays around a queue. A key has one pending moment, the earliest asked for; shutting down calls all of them off. */
export function withDelays(clock: Clock, queue: PlainQueue): DelayingQueue {
  const pending = new Map<string, { readonly due: number; readonly timer: Timer }>()
  return {
    ...queue,
    addAfter: (key, milliseconds) => {
      if (queue.isShutDown()) return
      if (!(milliseconds > 0)) {
        queue.add(key)
        return
      }
      const due = clock.now() + milliseconds
      const earlier = pending.get(key)
      if (earlier !== undefined && earlier.due <= due) return
      earlier?.timer.cancel()
      const timer = clock.setTimer(milliseconds, () => {
        pending.delete(key)
        queue.add(key)
      })
      pending.set(key, { due, timer })
    },
    shutDown: () => {
      for (const { timer } of pending.values()) timer.cancel()
      pending.clear()
      queue.shutDown()
    },
  }
}
