import type { Machine } from '@trellis/api/machine/machine'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import { machineAnnotations, machineFinalizers, machineLabels } from '@trellis/api/machine/well-known'
import { claim } from '../common/ownership.ts'
import { isLeaving, phaseOf } from '../machine/phase.ts'
import { deletionOrder, deletionPriority, markedAt } from './order.ts'
import { honoursPreservation, planPreservation, preservePatch } from './preservation.ts'
import type { SetTrouble } from './status.ts'
import { livingPatch, livingText } from './template.ts'
import { invalidity } from './validate.ts'

/** What one pass over a set decides upon. */
export interface MachineSetObservation {
  readonly set: MachineSet
  /** Machines of the namespace that the set owns or whose labels fit its selector. */
  readonly candidates: readonly Machine[]
  /** Whether the informer has caught up with what this process did to the set's machines. */
  readonly countable: boolean
  readonly now: number
}

/** One thing to do for a set. */
export type MachineSetAction =
  | { readonly kind: 'add-finalizer' }
  | { readonly kind: 'remove-finalizer' }
  | { readonly kind: 'adopt'; readonly machine: Machine }
  | { readonly kind: 'release'; readonly machine: Machine }
  | { readonly kind: 'update'; readonly machine: Machine; readonly patch: object }
  | { readonly kind: 'create'; readonly count: number }
  | { readonly kind: 'delete'; readonly machine: Machine; readonly why: string }

/** What a pass does, and the machines that the set's status is about. */
export interface MachineSetDecision {
  readonly actions: readonly MachineSetAction[]
  readonly owned: readonly Machine[]
  /** Why nothing is done about the machines; undefined when the set can be carried out. */
  readonly invalid?: SetTrouble | undefined
  /** When machines that the autoscaler chose may be replaced, in milliseconds; absent when there are none. */
  readonly replaceChosenAt?: number | undefined
}

/** Most machines that are made in one pass; the rest follow when these are seen. */
export const burstReplicas = 500

/** Decides what a set does about its machines. */
export function decideMachineSet(observed: MachineSetObservation): MachineSetDecision {
  const { set, candidates, countable } = observed
  const { owned, adopt, release } = claim(set, set.spec?.selector, candidates)
  const leaves = set.metadata.deletionTimestamp !== undefined
  const guarded = (set.metadata.finalizers ?? []).includes(machineFinalizers.object)
  if (leaves) return { owned, actions: guarded ? leavingActions(owned) : [] }
  const claims: MachineSetAction[] = [
    ...adopt.map((machine) => ({ kind: 'adopt' as const, machine })),
    ...release.map((machine) => ({ kind: 'release' as const, machine })),
  ]
  const invalid = invalidity(set)
  if (invalid !== undefined) return { owned: [...owned, ...release], actions: [], invalid }
  if (!guarded) return { owned, actions: [{ kind: 'add-finalizer' }] }
  // Adopted machines are counted once they are seen as owned.
  if (claims.length > 0 || !countable) return { owned, actions: claims }
  const { actions, replaceChosenAt } = scaling(set, owned, observed.now)
  return { owned, actions: [...updates(set, owned), ...actions], replaceChosenAt }
}

function leavingActions(owned: readonly Machine[]): readonly MachineSetAction[] {
  if (owned.length === 0) return [{ kind: 'remove-finalizer' }]
  return owned
    .filter((machine) => !isLeaving(machine))
    .map((machine) => ({ kind: 'delete', machine, why: 'its machine set is being deleted' }))
}

/** By machine, the living part of a template that it was found to follow: the same object need not be compared at every pass. */
const followed = new WeakMap<Machine, string>()

function updates(set: MachineSet, owned: readonly Machine[]): readonly MachineSetAction[] {
  const wanted = livingText(set)
  return owned.flatMap((machine): MachineSetAction[] => {
    if (isLeaving(machine) || followed.get(machine) === wanted) return []
    const patch = livingPatch(set, machine)
    if (patch !== undefined) return [{ kind: 'update', machine, patch }]
    followed.set(machine, wanted)
    return []
  })
}

/** How long a set keeps machines that the autoscaler chose while it is wanted as large as it is: the word that it is to be smaller may be on its way. */
const choicePatienceMilliseconds = 10_000

/**
 * Failed machines that are not preserved are deleted first and do not count; then the rest is brought to the wanted number, where machines that the autoscaler chose are the first
 * to go. Those of them that are left, because the number grew again meanwhile, are replaced.
 */
function scaling(
  set: MachineSet,
  owned: readonly Machine[],
  now: number,
): Pick<MachineSetDecision, 'actions' | 'replaceChosenAt'> {
  const present = owned.filter((machine) => !isLeaving(machine))
  const { held, begin } = planPreservation(set, present)
  const isLost = (machine: Machine) => phaseOf(machine) === 'Failed' && !held.has(machine)
  const failed = present.filter(isLost)
  const sound = present.filter((machine) => !isLost(machine))
  const arriving = new Set(sound.filter((machine) => isArriving(set, machine)))
  const most = Math.max(0, sound.length - wantedReplicas(set) - arriving.size)
  const settled = sound.filter((machine) => !arriving.has(machine))
  // The order of all costs more than the rest of a pass, and is seldom asked for.
  const surplus = most === 0 ? [] : deletionOrder(settled, honoursPreservation(set)).slice(0, most)
  const going = new Set(surplus)
  const chosen = sound.filter((machine) => isChosen(set, machine) && !going.has(machine))
  const replaceChosenAt = chosen.length === 0 ? undefined : scaledByAutoscalerAt(set) + choicePatienceMilliseconds
  const due = replaceChosenAt !== undefined && replaceChosenAt <= now
  const replaced = due ? chosen : []
  const deletions: MachineSetAction[] = [
    ...failed.map((machine) => deletion(machine, machine.status?.lastOperation?.description ?? 'it failed')),
    ...replaced.map((machine) => deletion(machine, chosenWhy)),
    ...surplus.map((machine) => deletion(machine, isChosen(set, machine) ? chosenWhy : surplusWhy)),
  ]
  const missing = wantedReplicas(set) - (sound.length - surplus.length - replaced.length)
  const blocked = isFrozen(set) || set.metadata.labels?.[machineLabels.scaleUpDisabled] !== undefined
  const creations: MachineSetAction[] =
    missing > 0 && !blocked ? [{ kind: 'create', count: Math.min(missing, burstReplicas) }] : []
  const gone = new Set([...surplus, ...replaced])
  const preservations = begin.filter((machine) => !gone.has(machine)).map(preservation)
  return { actions: [...deletions, ...preservations, ...creations], replaceChosenAt: due ? undefined : replaceChosenAt }
}

/** A machine that was updated in place comes to its new set before it is counted there: until then it is no surplus. */
function isArriving(set: MachineSet, machine: Machine): boolean {
  if (phaseOf(machine) !== 'InPlaceUpdateSuccessful') return false
  if (set.metadata.labels?.[machineLabels.scaleUpDisabled] !== undefined) return false
  const desired = Number(set.metadata.annotations?.[machineAnnotations.desiredReplicas] ?? Number.NaN)
  return Number.isNaN(desired) || wantedReplicas(set) < desired
}

const chosenWhy = 'the autoscaler chose it'
const surplusWhy = 'the machine set has more machines than wanted'

function deletion(machine: Machine, why: string): MachineSetAction {
  return { kind: 'delete', machine, why }
}

function preservation(machine: Machine): MachineSetAction {
  return { kind: 'update', machine, patch: preservePatch(machine) }
}

/** Whether the autoscaler chose the machine when it scaled the set last, or earlier. */
function isChosen(set: MachineSet, machine: Machine): boolean {
  return deletionPriority(machine) === 1 && markedAt(machine) <= scaledByAutoscalerAt(set)
}

function scaledByAutoscalerAt({ metadata }: MachineSet): number {
  return Date.parse(metadata.annotations?.[machineAnnotations.lastReplicaChangeByScalerTime] ?? '')
}

/** How many machines a set is to have; none unless told: typed clients leave a zero out. */
export function wantedReplicas(set: { readonly spec?: { readonly replicas?: number } }): number {
  return set.spec?.replicas ?? 0
}

function isFrozen(set: MachineSet): boolean {
  return set.metadata.labels?.[machineLabels.freeze] === 'True'
}
