import type { Leftover, LeftoverKind, MachineDeletion } from '@trellis/cloudprovider/contract/driver'
import { carries } from '@trellis/cloudprovider/contract/tags'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import type { Random } from '@trellis/foundation/random'

type Tags = Readonly<Record<string, string>>

/** Something of a simulated cloud that was made for a server and stands alone. */
export interface SimulatedLeftover extends Leftover {
  readonly tags: Tags
}

/** What is left behind when a call fails half way. */
export interface LeftoverWish {
  readonly kind: LeftoverKind
  readonly machineName: string
  readonly tags: Tags
}

/** The things of a simulated cloud that belong to no server. */
export interface SimulatedLeftovers {
  /** All there are, oldest first. */
  all(): readonly SimulatedLeftover[]
  leave(wish: LeftoverWish): void
  /** A creation or deletion of the machine takes up what an earlier one left. */
  takeUp(machineName: string, owned: Tags): void
  /** `Conflict` when others own it; what is gone already is success. */
  remove(id: string, owned: Tags): MachineDeletion
}

/** Makes an empty store of them. */
export function createLeftovers({
  clock,
  random,
}: {
  readonly clock: Clock
  readonly random: Random
}): SimulatedLeftovers {
  const left = new Map<string, SimulatedLeftover>()
  return {
    all: () => [...left.values()],
    leave: (wish) => {
      const id = `${wish.kind}-${random.text(12)}`
      left.set(id, { ...wish, id, createdAt: clock.now() })
    },
    takeUp: (machineName, owned) => {
      for (const one of left.values()) {
        if (one.machineName === machineName && carries(one.tags, owned)) left.delete(one.id)
      }
    },
    remove: (id, owned) => {
      const one = left.get(id)
      if (one !== undefined && !carries(one.tags, owned)) {
        throw new Failure('Conflict', `${id} belongs to another cluster`)
      }
      left.delete(id)
      return 'gone'
    },
  }
}
