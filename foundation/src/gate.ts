/** Lets a limited number of works run at a time; the others wait their turn, first come first served. */
export type Gate = <Value>(work: () => Promise<Value>) => Promise<Value>

/** A gate for `limit` works at a time. A work that fails makes way for the next like any other. */
export function createGate(limit: number): Gate {
  let running = 0
  const waiting: (() => void)[] = []
  return async (work) => {
    if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running--
      else next()
    }
  }
}
