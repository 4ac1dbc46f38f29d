import type { Machine } from '@trellis/api/machine/machine'
import { machineLabels } from '@trellis/api/machine/well-known'
import { countOf, percentageOf } from '@trellis/api/number-or-percentage'
import { readMachineCode } from '@trellis/cloudprovider/contract/machine-codes'
import { controllerOf } from '../common/ownership.ts'
import { isLeaving, phaseOf } from './phase.ts'

/** How many machines may be under replacement at a time, as numbers or shares of what there is. */
export interface ReplacementLimits {
  /** In each zone of a deployment. */
  readonly perZone: number | string
  /** In all zones of a deployment together; no limit when absent. */
  readonly inAll?: number | string
}

/** One machine of a deployment's zone at a time. A mass illness is more likely an illness of the judge. */
export const usualReplacementLimits: ReplacementLimits = { perZone: 1 }

/**
 * How a machine counts towards the limits. `busy`: it fails, leaves, or is new and has not joined. `waiting`: the cloud refuses its server for
 * want of quota or stock. `sick`: it may be given up soon. `spared`: it failed and is kept on purpose.
 */
export type ReplacementState = 'well' | 'sick' | 'busy' | 'waiting' | 'spared'

/** The group within which replacements are counted: the deployment that the machine's label names, else its owner; undefined for machines of nobody. */
export function replacementGroup(machine: Machine): string | undefined {
  return machine.metadata.labels?.[machineLabels.deploymentName] ?? controllerOf(machine)?.uid
}

/** How a machine counts. */
export function replacementState(machine: Machine): ReplacementState {
  if (isLeaving(machine)) return 'busy'
  switch (phaseOf(machine)) {
    case 'Running':
    case 'Available':
      return 'well'
    case 'Unknown':
    case 'InPlaceUpdateFailed':
      return 'sick'
    case 'Failed':
      return machine.status?.currentStatus?.preserveExpiryTime === undefined ? 'busy' : 'spared'
    case 'CrashLoopBackOff':
      return readMachineCode(machine.status?.lastOperation ?? {}) === 'ResourceExhausted' ? 'waiting' : 'busy'
    default:
      return 'busy'
  }
}

/** Machines by how they count. */
export type ReplacementCounts = Readonly<Record<ReplacementState, number>>

/** What one more replacement is decided upon. */
export interface ReplacementObservation {
  readonly limits: ReplacementLimits
  /** Machines of the deployment in the sick machine's zone, without itself. */
  readonly zone: ReplacementCounts
  /** Machines of the deployment in all zones, without the sick one. */
  readonly all: ReplacementCounts
  /** Machines of all deployments in the zone. */
  readonly neighbours: ReplacementCounts
  /** Machines that the deployment wants and that do not exist: nothing stands ready to replace what is given up. */
  readonly missing: number
}

/** Why a sick machine is not given up yet; undefined when it may be. */
export type ReplacementRefusal = 'outage' | 'zone' | 'deployment' | undefined

/**
 * Whether one more machine may be given up. Machines that wait for quota do not count, so that a shortage does not forbid repair,
 * unless most of the zone is ill: then at most one machine is tried anew, and no further one before that has joined.
 */
export function refuseReplacement(observed: ReplacementObservation): ReplacementRefusal {
  const { limits, zone, all, neighbours, missing } = observed
  if (isOutage(neighbours)) {
    const limit = Math.min(1, limitOf(limits.perZone, zone))
    if (zone.busy + zone.waiting + missing >= limit) return 'outage'
  }
  if (zone.busy + missing >= limitOf(limits.perZone, zone)) return 'zone'
  if (limits.inAll !== undefined && all.busy + missing >= limitOf(limits.inAll, all)) return 'deployment'
  return undefined
}

/** Whether a zone rather than its machines is ill: more than two machines are, and they are most of those that ever joined. */
export function isOutage({ sick, well }: ReplacementCounts): boolean {
  return sick > 2 && sick / (sick + well) >= outageShare
}

const outageShare = 0.55

/** A share stands for at least one machine: the one that asks is not among those counted. */
function limitOf(value: number | string, counts: ReplacementCounts): number {
  const total = 1 + Object.values(counts).reduce((sum, one) => sum + one, 0)
  const limit = countOf(value, total, 'down') ?? 1
  return (percentageOf(value) ?? 0) > 0 ? Math.max(1, limit) : limit
}

/** A limit as an annotation gives it; undefined when it is neither a whole number nor a percentage. */
export function parseLimit(text: string): number | string | undefined {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  return percentageOf(text) === undefined ? undefined : text
}
