import { formatDuration } from '../common/duration.ts'
import { isBeingUpdated } from './in-place-node.ts'
import { conditionsFor, illnessOf } from './node-view.ts'
import type { MachineObservation } from './observation.ts'
import { phaseOf, phaseSince, type StatusStatement } from './phase.ts'

/** What is to be done about a machine that has been a node. */
export type HealthDecision =
  | { readonly kind: 'keep'; readonly statement: StatusStatement; readonly milliseconds?: number }
  /** It was ill for too long: to be believed only after a fresh look at its Node, and carried out only when its deployment may lose one more. */
  | { readonly kind: 'fail'; readonly statement: StatusStatement }

/** Decides how a Running, Unknown or Failed machine stands. While nodes are not known nothing changes. */
export function decideHealth(observed: MachineObservation, now: number): HealthDecision {
  const { machine, node, target, settings } = observed
  if (target.kind !== 'known') return { kind: 'keep', statement: {} }
  const conditions = node === undefined ? undefined : conditionsFor(machine, node)
  const illness =
    conditions === undefined ? 'the node object does not exist' : illnessOf(conditions, settings.nodeConditions)
  const seen = conditions === undefined ? {} : { conditions }
  if (illness === undefined) return { kind: 'keep', statement: { ...seen, ...recovered(observed) } }
  if (phaseOf(machine) === 'Failed') return { kind: 'keep', statement: seen }
  if (phaseOf(machine) === 'Running')
    return { kind: 'keep', statement: { ...seen, ...fallenIll(illness, settings.disableHealthTimeout) } }
  if (settings.disableHealthTimeout) return { kind: 'keep', statement: { ...seen, timeoutActive: false } }
  const left = phaseSince(machine) + settings.healthTimeoutMilliseconds - now
  if (left >= 0) {
    return { kind: 'keep', statement: { ...seen, ...fallenIll(illness, false) }, milliseconds: left + 1 }
  }
  const limit = formatDuration(settings.healthTimeoutMilliseconds)
  return {
    kind: 'fail',
    statement: {
      ...seen,
      phase: 'Failed',
      timeoutActive: false,
      operation: { type: 'HealthCheck', state: 'Failed', description: `Unhealthy for more than ${limit}: ${illness}` },
    },
  }
}

function fallenIll(illness: string, forEver: boolean): StatusStatement {
  return {
    phase: 'Unknown',
    timeoutActive: !forEver,
    operation: { type: 'HealthCheck', state: 'Processing', description: `Unhealthy: ${illness}` },
  }
}

function recovered({ machine, node }: MachineObservation): StatusStatement {
  if (phaseOf(machine) === 'Running') return {}
  // A node that says that it is well may be so without the update that it failed to get.
  if (phaseOf(machine) === 'Failed' && node !== undefined && isBeingUpdated(node)) return {}
  return {
    phase: 'Running',
    timeoutActive: false,
    operation: {
      type: 'HealthCheck',
      state: 'Successful',
      description: `Machine ${machine.metadata.name} is healthy again`,
    },
  }
}

/** What is said of a machine that is to be given up and may not be yet. */
export function awaitingPermit({ conditions, operation }: StatusStatement, refused: string): StatusStatement {
  const description = `${operation?.description ?? 'Unhealthy'}; it is not replaced yet: ${refused}`
  return {
    ...(conditions === undefined ? {} : { conditions }),
    operation: { type: operation?.type ?? 'HealthCheck', state: 'Processing', description },
  }
}
