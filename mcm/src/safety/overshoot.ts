import { findCondition, removeCondition, setCondition } from '@trellis/api/conditions'
import type { MachineDeployment } from '@trellis/api/machine/machine-deployment'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import { machineAnnotations, machineConditionReasons, machineLabels } from '@trellis/api/machine/well-known'
import { boundsOf, wantedReplicas } from '../machine-deployment/bounds.ts'

/** How far beyond what is wanted the machines of a set may go before it is frozen, and how far back it must be before it goes on. */
export interface OvershootSettings {
  readonly safetyUp: number
  readonly safetyDown: number
}

/** Machines of one set. */
export interface MachineCount {
  /** All that exist: each of them may cost a server. */
  readonly all: number
  /** Those of them that are going. */
  readonly leaving: number
}

/** Numbers of machines at which a set is frozen and let go again. */
export interface OvershootLimits {
  readonly freezeAt: number
  readonly unfreezeAt: number
}

/** The limits of a set; one without a deployment may have twice its replicas. */
export function overshootLimits(
  set: MachineSet,
  deployment: MachineDeployment | undefined,
  { safetyUp, safetyDown }: OvershootSettings,
): OvershootLimits {
  const most =
    deployment === undefined
      ? 2 * (set.spec?.replicas ?? 0)
      : wantedReplicas(deployment) + boundsOf(deployment).maxSurge
  return { freezeAt: most + safetyUp, unfreezeAt: most + safetyUp - safetyDown }
}

/** What the freezing of a set is decided upon. */
export interface FreezeObservation {
  readonly set: MachineSet
  readonly count: MachineCount
  readonly limits: OvershootLimits
  /** Somebody asked for the set to go on when it had that many machines. */
  readonly pardonedAt: number | undefined
}

/**
 * Whether the set is to be frozen. A set that is frozen stays so until its machines are few enough. A mere surplus of machines that are going
 * freezes only a set that would make more: scaling down is no overshoot. A set that was pardoned is frozen anew only once it has grown further.
 */
export function mustFreeze({ set, count, limits, pardonedAt }: FreezeObservation): boolean {
  if (pardonedAt !== undefined && count.all <= pardonedAt) return false
  if (isFrozen(set)) return count.all > limits.unfreezeAt
  const staying = count.all - count.leaving
  const grows = staying >= limits.freezeAt || staying < (set.spec?.replicas ?? 0)
  return count.all >= limits.freezeAt && grows
}

/** A set or deployment that carries the marks of freezing. */
export type Freezable = MachineSet | MachineDeployment

/** Whether an object carries both marks. */
export function isFrozen(object: Freezable): boolean {
  return hasFreezeLabel(object) && hasFrozenCondition(object)
}

/** Whether an object carries at least one of the marks. */
export function isMarked(object: Freezable): boolean {
  return hasFreezeLabel(object) || hasFrozenCondition(object)
}

/** Whether somebody asked for the object to go on. */
export function isPardonAsked(object: Freezable): boolean {
  return object.metadata.annotations?.[machineAnnotations.unfreeze] !== undefined
}

/** Whether the label is there, which is what blocks creations. */
export function hasFreezeLabel({ metadata }: Freezable): boolean {
  return metadata.labels?.[machineLabels.freeze] === 'True'
}

function hasFrozenCondition(object: Freezable): boolean {
  return findCondition(conditionsOf(object), machineConditionReasons.frozen.type)?.status === 'True'
}

function conditionsOf(object: Freezable): readonly Condition[] | undefined {
  const status: { readonly machineSetCondition?: Condition[]; readonly conditions?: Condition[] } = object.status ?? {}
  return status.machineSetCondition ?? status.conditions
}

/** What the main object lacks to be frozen or free; undefined when nothing. A request to go on is used up by this. */
export function freezeLabelPatch(object: Freezable, frozen: boolean): object | undefined {
  const asked = isPardonAsked(object)
  if (hasFreezeLabel(object) === frozen && !asked) return undefined
  return {
    metadata: {
      labels: { [machineLabels.freeze]: frozen ? 'True' : null },
      ...(asked ? { annotations: { [machineAnnotations.unfreeze]: null } } : {}),
    },
  }
}

/** A condition of a set or deployment, in what both have in common. */
interface Condition {
  type: string
  status: string
  reason?: string
  message?: string
  lastTransitionTime?: string
}

/** The conditions with the freezing stated; undefined when they state it already. */
export function freezeConditions<Kind extends Condition>(
  before: readonly Kind[] | undefined,
  why: { readonly reason: string; readonly message: string } | undefined,
  now: number,
): Kind[] | undefined {
  const { type } = machineConditionReasons.frozen
  const present = findCondition(before, type)
  if (why === undefined) return present === undefined ? undefined : removeCondition(before, type)
  if (present?.status === 'True') return undefined
  return setCondition<Kind>(before, { type, status: 'True', ...why } as Kind, now)
}
