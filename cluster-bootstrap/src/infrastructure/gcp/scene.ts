import type { InfrastructureRequest, InfrastructureState, PlannedChange } from '../engine.ts'
import type { InfrastructureClient } from './client.ts'
import type { GoogleInfrastructure } from './configuration.ts'
import type { InfrastructureNames } from './names.ts'

/** What every task needs: what is wanted, how to reach the cloud, and what is known. */
export interface Scene {
  readonly client: InfrastructureClient
  readonly wanted: GoogleInfrastructure
  readonly names: InfrastructureNames
  readonly request: InfrastructureRequest
  /** What is known to be made for the shoot. */
  state(): InfrastructureState
  /** Writes down what was made; resolves once that is durable. */
  remember(what: string, id: string): Promise<void>
  /** Writes down that it is gone. */
  forget(what: string): Promise<void>
}

/** One part of a shoot's infrastructure. All three are harmless to repeat. */
export interface InfrastructureTask {
  /** Key of what it makes in the state. */
  readonly what: string
  /** What `apply` would do. */
  plan(scene: Scene): Promise<readonly PlannedChange[]>
  apply(scene: Scene): Promise<void>
  destroy(scene: Scene): Promise<void>
}

/** Makes the notebook of a run. Tasks run side by side: their notes are saved one after the other, so that none is lost. */
export function createNotebook(request: InfrastructureRequest): Pick<Scene, 'state' | 'remember' | 'forget'> {
  let state = request.state
  let saving: Promise<void> = Promise.resolve()
  const change = (next: InfrastructureState): Promise<void> => {
    state = next
    saving = saving.then(() => request.save(state))
    return saving
  }
  return {
    state: () => state,
    remember: async (what, id) => {
      if (state[what] !== id) await change({ ...state, [what]: id })
    },
    forget: async (what) => {
      const { [what]: present, ...rest } = state
      if (present !== undefined) await change(rest)
    },
  }
}
