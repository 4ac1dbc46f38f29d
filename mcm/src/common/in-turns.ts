import { createGate } from '@trellis/foundation/gate'

/** Writes of one kind under way at a time. More make an API server refuse some, which is slower for all. */
const writesAtATime = 32

/** Does a work for every item, a bounded number at a time, and resolves with how each ended, in the order of the items. */
export function settleInTurns<Item, Value>(
  items: readonly Item[],
  work: (item: Item) => Promise<Value>,
): Promise<readonly PromiseSettledResult<Value>[]> {
  const gate = createGate(writesAtATime)
  return Promise.allSettled(items.map((item) => gate(() => work(item))))
}
