import { Failure } from '@trellis/foundation/failure'
import type { ShootCloud } from '../src/clouds/cloud.ts'
import type {
  InfrastructureEngine,
  InfrastructureOutputs,
  InfrastructureRequest,
} from '../src/infrastructure/engine.ts'

/** A cloud whose infrastructure is a few names in memory, each made by a call that a test may let fail. */
export interface InfrastructureDouble {
  /** The cloud, reached through this double. */
  readonly cloud: ShootCloud
  /** Identifiers of what is there. */
  readonly made: Map<string, string>
  /** Requests as they came. */
  readonly requests: InfrastructureRequest[]
  /** Throws instead of making the thing of this name, once. */
  failAt(what: string, failure: Failure): void
}

/** Puts an engine in memory behind the pure parts of a cloud. It makes one thing for each output, saves each at once and looks up by the state first. */
export function createInfrastructureDouble(pure: ShootCloud, outputs: InfrastructureOutputs): InfrastructureDouble {
  const made = new Map<string, string>()
  const requests: InfrastructureRequest[] = []
  const failures = new Map<string, Failure>()
  const engine: InfrastructureEngine = {
    apply: async (request) => {
      requests.push(request)
      let state = request.state
      for (const [what, id] of Object.entries(outputs)) {
        const failure = failures.get(what)
        failures.delete(what)
        if (failure !== undefined) throw failure
        made.set(what, id)
        state = { ...state, [what]: id }
        await request.save(state)
      }
      return outputs
    },
    plan: async () => [],
    destroy: async (request) => {
      requests.push(request)
      let state = request.state
      for (const what of Object.keys(state)) {
        made.delete(what)
        const { [what]: _, ...rest } = state
        state = rest
        await request.save(state)
      }
    },
  }
  const refuse = () => Promise.reject(new Failure('Unavailable', 'the double has no servers'))
  const driver = {
    provider: pure.machineProvider,
    createMachine: refuse,
    initializeMachine: refuse,
    deleteMachine: refuse,
    getMachineStatus: refuse,
    listMachines: refuse,
  }
  return {
    cloud: { ...pure, connect: async () => ({ engine, driver, [Symbol.dispose]: () => {} }) },
    made,
    requests,
    failAt: (what, failure) => failures.set(what, failure),
  }
}
