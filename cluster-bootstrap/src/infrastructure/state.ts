import { type Shoot, shoots } from '@trellis/api/garden/shoot'
import { keyOf } from '@trellis/api/meta'
import { isFailure } from '@trellis/foundation/failure'
import type { Client } from '@trellis/kubernetes/client'
import type { EngineName } from './choose-engine.ts'
import type { InfrastructureState } from './engine.ts'

/** The identifiers that are known of a shoot's infrastructure. They stand in its status. */
export interface InfrastructureStateStore {
  current(): InfrastructureState
  /** Whether anything may have been made, also if no identifier of it is known. */
  mayHaveBegun(): boolean
  /** Makes durable that something may be made from now on, and by which engine. */
  begin(engine: EngineName): Promise<void>
  /** Writes a state in place of the present one and returns once it is durable; what is unchanged is not written. */
  save(state: InfrastructureState): Promise<void>
}

/** Begins with what the status of the shoot says. One operation at a time works on a shoot, so nobody else writes meanwhile. */
export function createInfrastructureState(garden: Client, shoot: Shoot): InfrastructureStateStore {
  let begun = shoot.status?.infrastructure !== undefined
  let current: InfrastructureState = shoot.status?.infrastructure?.state ?? {}
  async function write(changes: Record<string, string | null>, engine?: EngineName): Promise<void> {
    const noted = engine === undefined ? {} : { engine }
    const patch = { status: { infrastructure: { ...noted, state: changes } } }
    try {
      await garden.patch(shoots, keyOf(shoot), patch, { subresource: 'status' })
    } catch (error) {
      // A shoot that is gone needs no state; while anything of it is left, its finalizer keeps it.
      if (!isFailure(error, 'NotFound')) throw error
    }
    begun = true
  }
  return {
    current: () => current,
    mayHaveBegun: () => begun,
    begin: async (engine) => {
      if (!begun) await write({}, engine)
    },
    save: async (state) => {
      const changes = changesBetween(current, state)
      if (Object.keys(changes).length > 0) await write(changes)
      current = { ...state }
    },
  }
}

/** As a merge patch: null takes an identifier away. */
function changesBetween(before: InfrastructureState, after: InfrastructureState): Record<string, string | null> {
  const gone = Object.keys(before).filter((key) => after[key] === undefined)
  const changed = Object.entries(after).filter(([key, value]) => before[key] !== value)
  return { ...Object.fromEntries(changed), ...Object.fromEntries(gone.map((key) => [key, null])) }
}
