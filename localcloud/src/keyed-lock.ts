/** Lets works of one key follow each other, and works of different keys run side by side. */
export interface KeyedLock {
  run<Value>(key: string, work: () => Promise<Value>): Promise<Value>
  /** Resolves when no work is left. */
  idle(): Promise<void>
}

/** A lock that serves in the order of arrival. */
export function createKeyedLock(): KeyedLock {
  const tails = new Map<string, Promise<unknown>>()
  return {
    run: (key, work) => {
      const turn = (tails.get(key) ?? Promise.resolve()).then(work, work)
      tails.set(key, turn)
      const forget = () => void (tails.get(key) === turn && tails.delete(key))
      turn.then(forget, forget)
      return turn
    },
    idle: async () => {
      while (tails.size > 0) await Promise.allSettled(tails.values())
    },
  }
}
