/** Lets a few keys at a time do something, and wakes those that wait, first come first served. */
export interface Turns {
  /** Whether the key may begin; if not, it is woken when there is room. */
  take(key: string): boolean
  /** Ends what a key began. */
  give(): void
}

/**
 * Makes turns for `limit` keys at a time. Nobody is held up: a key that is woken and no longer wants its turn, or is gone, costs the others no more than
 * the time until the next one ends.
 */
export function createTurns(limit: number, wake: (key: string) => void): Turns {
  const waiting = new Set<string>()
  let busy = 0
  return {
    take: (key) => {
      if (busy >= limit) {
        waiting.add(key)
        return false
      }
      waiting.delete(key)
      busy++
      return true
    },
    give: () => {
      busy--
      for (const key of [...waiting.keys()].slice(0, limit - busy)) {
        waiting.delete(key)
        wake(key)
      }
    },
  }
}
