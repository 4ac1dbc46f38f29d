import type { World } from './world.ts'

/** How long controllers may go on acting upon what has changed meanwhile: the longest that watches lag behind and requests are under way. */
export const staleMilliseconds = 120_000

/** Values of the recent past, of which those who hear of things late may know any. */
export interface Recent<Value> {
  set(key: string, value: Value): void
  /** The present value, and those that it took the place of no longer ago than that. */
  of(key: string): readonly Value[]
}

/** Makes an empty record. Values are compared by identity. While the controllers are blind, what they saw last stays recent. */
export function createRecent<Value>(world: Pick<World, 'clock' | 'isUp' | 'faults'>): Recent<Value> {
  const { clock } = world
  const histories = new Map<string, { readonly value: Value; until: number }[]>()
  return {
    set: (key, value) => {
      const history = histories.get(key) ?? []
      histories.set(key, history)
      const last = history.at(-1)
      if (last !== undefined && last.value === value) return
      if (last !== undefined) last.until = clock.now()
      history.push({ value, until: Number.POSITIVE_INFINITY })
      while ((history[0]?.until ?? 0) < clock.now() - 60 * staleMilliseconds) history.shift()
    },
    of: (key) => {
      const horizon = clock.now() - staleMilliseconds
      return (histories.get(key) ?? []).filter(({ until }) => until >= horizon).map(({ value }) => value)
    },
  }
}
