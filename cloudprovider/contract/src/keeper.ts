/** Things that are kept by a key, up to a number of them: those used last stay. Disposing closes all. */
export interface Keeper<Value> extends Disposable {
  /** The one of that key, opened when there is none. It is now the last used; where that makes one too many, the one that rested longest is closed. What `open` throws is passed on, and nothing is kept. */
  of(key: string, open: () => Value): Value
}

/** How many are kept, and what closes one that gives way. */
export interface KeeperSettings<Value> {
  /** At least one. */
  readonly most: number
  /** Nothing is done unless told. */
  readonly close?: (value: Value) => void
}

/**
 * Keeps what is dear to open, as connections by credentials: whoever names the same key shares one, and credentials that rotate leave at most a few idle ones behind.
 * Keys may hold secrets; they are told to nobody.
 */
export function createKeeper<Value>({ most, close = () => {} }: KeeperSettings<Value>): Keeper<Value> {
  // A map remembers the order of insertion: the first is the one that rested longest.
  const kept = new Map<string, { readonly value: Value }>()
  return {
    of: (key, open) => {
      const entry = kept.get(key) ?? { value: open() }
      kept.delete(key)
      kept.set(key, entry)
      const [oldest] = kept
      if (kept.size > most && oldest !== undefined) {
        kept.delete(oldest[0])
        close(oldest[1].value)
      }
      return entry.value
    },
    [Symbol.dispose]: () => {
      const all = [...kept.values()]
      kept.clear()
      for (const { value } of all) close(value)
    },
  }
}
