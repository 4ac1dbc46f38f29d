/** Values that one side pushes and another iterates over, in order and without loss. */
export interface Channel<Value> {
  push(value: Value): void
  /** Ends the iteration after what was pushed before, with an error if there is one. Later calls do nothing. */
  finish(error?: unknown): void
  readonly values: AsyncIterable<Value>
}

/** Makes a channel for one reader. */
export function createChannel<Value>(): Channel<Value> {
  const waiting: Value[] = []
  let end: { readonly error?: unknown } | undefined
  let signal = Promise.withResolvers<void>()

  async function* read(): AsyncGenerator<Value> {
    for (;;) {
      while (waiting.length > 0) yield waiting.shift() as Value
      if (end?.error !== undefined) throw end.error
      if (end !== undefined) return
      await signal.promise
      signal = Promise.withResolvers<void>()
    }
  }
  return {
    push: (value) => {
      if (end !== undefined) return
      waiting.push(value)
      signal.resolve()
    },
    finish: (error) => {
      end ??= { error }
      signal.resolve()
    },
    values: { [Symbol.asyncIterator]: read },
  }
}
