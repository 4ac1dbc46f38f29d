import type { InfrastructureRequest, InfrastructureState } from '../src/infrastructure/engine.ts'

/** A request with a memory: what is saved is what the next request of this one's `again` begins with. */
export interface RememberedRequest extends InfrastructureRequest {
  /** What was saved last. */
  saved(): InfrastructureState
  /** States in the order in which they were saved. */
  readonly saves: readonly InfrastructureState[]
  /** What people were told. */
  readonly notes: readonly string[]
  /** The same request as a later run makes it. */
  again(changes?: Partial<InfrastructureRequest>): RememberedRequest
}

/** A request for the networks of one shoot; whatever is not told is of no importance. */
export function infrastructureRequest(changes: Partial<InfrastructureRequest> = {}): RememberedRequest {
  const saves: InfrastructureState[] = []
  const notes: string[] = []
  const request = {
    technicalId: 'shoot--local--first',
    region: 'region',
    zones: ['zone-a'],
    networks: { nodes: '10.250.0.0/16', pods: '100.96.0.0/16', services: '100.64.0.0/16' },
    configuration: undefined,
    secret: {},
    state: {},
    signal: new AbortController().signal,
    ...changes,
  }
  const saved = () => saves.at(-1) ?? request.state
  return {
    save: async (state) => {
      saves.push(state)
    },
    note: (text) => notes.push(text),
    ...request,
    saved,
    saves,
    notes,
    again: (more) => infrastructureRequest({ ...changes, state: saved(), ...more }),
  }
}
