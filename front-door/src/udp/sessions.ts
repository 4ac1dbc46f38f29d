/** Which destination a session's index belongs to: how packets of a client that has moved are sorted. */
export interface Sessions {
  learn(index: number, destination: string, now: number): void
  find(index: number, now: number): string | undefined
}

/** WireGuard gives a session up after that long; nothing that is older can be of use. */
const sessionMilliseconds = 180_000

/**
 * Remembers sessions for at least three minutes and less than nine, at most `limit` of them twice over. Indices are drawn by the destinations from four thousand million; where two draw
 * the same, the later one counts, and the other's clients begin a new handshake after they moved.
 */
export function createSessions(limit: number): Sessions {
  let young = new Map<number, string>()
  let old = new Map<number, string>()
  let turnedAt = Number.NEGATIVE_INFINITY
  const turn = (now: number) => {
    if (now - turnedAt < sessionMilliseconds && young.size < limit) return
    old = now - turnedAt < 2 * sessionMilliseconds ? young : new Map()
    young = new Map()
    turnedAt = now
  }
  return {
    learn: (index, destination, now) => {
      turn(now)
      young.set(index, destination)
    },
    find: (index, now) => {
      turn(now)
      return young.get(index) ?? old.get(index)
    },
  }
}
