import type { Clock } from '@trellis/foundation/clock'
import type { Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import { startUpdateAgent, type UpdateEnd } from '../update-agent.ts'

/** Whoever updates nodes in place, in one run. */
export interface Updates {
  /** Begins to; repeats are harmless. Runs without updates do without. */
  begin(): void
  /** How updates that begin from now on end. */
  end: UpdateEnd
}

/** Makes one that has not begun. */
export function createUpdates(parts: {
  readonly clock: Clock
  readonly random: Random
  readonly client: Client
}): Updates {
  const updateMilliseconds = 20_000 + parts.random.integer(60_000)
  const componentsMilliseconds = parts.random.integer(20_000)
  let begun = false
  const updates: Updates = {
    end: 'successful',
    begin: () => {
      if (begun) return
      begun = true
      startUpdateAgent({ ...parts, updateMilliseconds, componentsMilliseconds, endOf: () => updates.end })
    },
  }
  return updates
}
