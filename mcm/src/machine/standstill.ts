import type { Machine } from '@trellis/api/machine/machine'
import { again, blocked, type Controller, type Outcome } from '@trellis/kubernetes/controller'
import type { MachineContext } from './context.ts'
import { phaseOf, type StatusStatement } from './phase.ts'
import { writeStatus } from './write.ts'

/** Time that kubelets get to report after an API server is back, before anybody is judged by what they did not. */
const settleMilliseconds = 30_000

/** Leaves machines alone while an API server is down; those that are going excepted. */
export interface Standstill {
  /** How the pass over a machine ends early; undefined when nothing holds it. */
  hold(machine: Machine): Promise<Outcome | undefined>
  /** Wakes every machine when the API servers are back. Returns how to stop. */
  follow(controller: Controller): () => void
}

/** Makes it. */
export function createStandstill(context: MachineContext): Standstill {
  const { clock, apiServers, machines, namespace } = context
  const restarts = new Set<string>()
  return {
    hold: async (machine) => {
      const frozen = apiServers.frozen()
      if (frozen !== undefined) return blocked(frozen)
      const phase = phaseOf(machine)
      const settledAt = (apiServers.recoveredAt() ?? Number.NEGATIVE_INFINITY) + settleMilliseconds
      if (clock.now() >= settledAt || (phase !== 'Unknown' && phase !== 'Running')) return undefined
      if (restarts.delete(machine.metadata.name) && phase === 'Unknown') await writeStatus(context, machine, restarted)
      return again(settledAt - clock.now())
    },
    follow: (controller) =>
      apiServers.onRecovery(() => {
        restarts.clear()
        for (const machine of machines.list(namespace)) {
          if (phaseOf(machine) === 'Unknown') restarts.add(machine.metadata.name)
          controller.enqueue(machine.metadata.name)
        }
      }),
  }
}

/** A machine whose health nobody could know begins anew. */
const restarted: StatusStatement = {
  phase: 'Running',
  timeoutActive: false,
  operation: {
    type: 'HealthCheck',
    state: 'Processing',
    description: 'An API server did not answer; the health of the machine is judged anew',
  },
}
