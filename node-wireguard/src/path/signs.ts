import type { Clock } from '@trellis/foundation/clock'
import type { ProbeMessage } from './message.ts'

/** What shows that a path lives although questions go unanswered. */
export interface Signs {
  /** Takes note of any probe of the other end. */
  hear(message: Pick<ProbeMessage, 'deaf'>): void
  /** Whether packets come in, and the other end has not said that none reach it. To be asked with each question of a silence; the first one says where it begins. */
  ofLife(silenceBegins: boolean): boolean
  /** Whether this end has heard nothing for two intervals, which the other end has to know: its way here may be the only one that works. */
  deaf(): boolean
}

/** What reading signs takes. */
export interface SignsOptions {
  readonly clock: Clock
  readonly intervalMilliseconds: number
  /** How many packets have come in by the link; left out or undefined: not known. */
  readonly received?: (() => number | undefined) | undefined
}

/** Begins to watch for signs; nothing has been heard yet. */
export function createSigns({ clock, intervalMilliseconds, received }: SignsOptions): Signs {
  let heardAt: number | undefined
  let otherIsDeaf = false
  let count: number | undefined
  const deaf = () => heardAt === undefined || clock.now() - heardAt >= 2 * intervalMilliseconds
  return {
    hear: (message) => {
      heardAt = clock.now()
      otherIsDeaf = message.deaf
    },
    ofLife: (silenceBegins) => {
      const now = received?.()
      if (!silenceBegins && now !== undefined && now !== count) heardAt = clock.now()
      count = now
      return !deaf() && !otherIsDeaf
    },
    deaf,
  }
}
