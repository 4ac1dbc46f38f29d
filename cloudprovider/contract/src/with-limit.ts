import type { Clock } from '@trellis/foundation/clock'
import { decorate } from './decorate.ts'
import type { Driver } from './driver.ts'
import { createTokenBucket } from './token-bucket.ts'

/** How hard a cloud may be called. */
export interface LimitSettings {
  /** Calls under way at one time. */
  readonly concurrency: number
  /** Calls a second in the long run. */
  readonly perSecond: number
  /** Calls that may come at once after a rest. */
  readonly burst: number
}

/** Holds calls back, first come first served, so that no more than `concurrency` are under way and they begin no faster than the token bucket allows. */
export function withLimit({ clock }: { readonly clock: Clock }, driver: Driver, settings: LimitSettings): Driver {
  const slots = createSlots(settings.concurrency)
  const bucket = createTokenBucket({ clock }, { perSecond: settings.perSecond, burst: settings.burst })
  return decorate(driver, async (_operation, call, signal) => {
    await slots.take(signal)
    try {
      await bucket.take(signal)
      return await call()
    } finally {
      slots.give()
    }
  })
}

interface Slots {
  take(signal: AbortSignal | undefined): Promise<void>
  give(): void
}

function createSlots(count: number): Slots {
  let free = count
  const waiting: (() => void)[] = []
  return {
    take: (signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(signal.reason)
          return
        }
        if (free > 0) {
          free--
          resolve()
          return
        }
        const enter = () => {
          signal?.removeEventListener('abort', leave)
          resolve()
        }
        const leave = () => {
          waiting.splice(waiting.indexOf(enter), 1)
          reject(signal?.reason)
        }
        waiting.push(enter)
        signal?.addEventListener('abort', leave, { once: true })
      }),
    give: () => {
      const next = waiting.shift()
      if (next === undefined) free++
      else next()
    },
  }
}
