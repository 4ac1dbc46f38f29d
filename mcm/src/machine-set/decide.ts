import type { Machine } from '@trellis/api/machine/machine'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import { machineAnnotations, machineFinalizers, machineLabels } from '@trellis/api/machine/well-known'
import { claim } from '../common/ownership.ts'
import { isLeaving, phaseOf } from '../machine/phase.ts'
import { deletionOrder, deletionPriority, markedAt } from './order.ts'
import { livingPatch } from './template.ts'

/** What one pass over a set decides upon. */
export interface MachineSetObservation {
  readonly set: MachineSet
  /** Machines of the namespace that the set owns or whose labels fit its selector. */
  readonly candidates: readonly Machine[]
  /** Whether the informer has caught up with what this process did to the set's machines. */
  readonly countable: boolean
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
  if (!guarded) return { owned, actions: [{ kind: 'add-finalizer' }] }
  // Adopted machines are counted once they are seen as owned.
  if (claims.length > 0 || !countable) return { owned, actions: claims }
  return { owned, actions: [...updates(set, owned), ...scaling(set, owned)] }
}

function leavingActions(owned: readonly Machine[]): readonly MachineSetAction[] {
  if (owned.length === 0) return [{ kind: 'remove-finalizer' }]
  return owned
    .filter((machine) => !isLeaving(machine))
    .map((machine) => ({ kind: 'delete', machine, why: 'its machine set is being deleted' }))
}

function updates(set: MachineSet, owned: readonly Machine[]): readonly MachineSetAction[] {
  return owned.flatMap((machine) => {
    const patch = isLeaving(machine) ? undefined : livingPatch(set, machine)
    return patch === undefined ? [] : [{ kind: 'update', machine, patch }]
  })
}

/** Failed machines and those that the autoscaler wants gone are deleted first and do not count; then the rest is brought to the wanted number. */
function scaling(set: MachineSet, owned: readonly Machine[]): readonly MachineSetAction[] {
  const present = owned.filter((machine) => !isLeaving(machine))
  const doomed = present.flatMap((machine): { machine: Machine; why: string }[] => {
    const why = doom(set, machine)
    return why === undefined ? [] : [{ machine, why }]
  })
  const going = new Set(doomed.map(({ machine }) => machine))
  const staying = present.filter((machine) => !going.has(machine))
  const deletions = doomed.map(({ machine, why }) => ({ kind: 'delete' as const, machine, why }))
  const wanted = wantedReplicas(set)
  const arriving = staying.filter((machine) => isArriving(set, machine))
  const surplus = staying.length - wanted
  const deletable = surplus - arriving.length
  if (deletable > 0) {
    const why = 'the machine set has more machines than wanted'
    const chosen = deletionOrder(staying.filter((machine) => !arriving.includes(machine))).slice(0, deletable)
    return [...deletions, ...chosen.map((machine) => ({ kind: 'delete' as const, machine, why }))]
  }
  const blocked = isFrozen(set) || set.metadata.labels?.[machineLabels.scaleUpDisabled] !== undefined
  if (surplus >= 0 || blocked) return deletions
  return [...deletions, { kind: 'create', count: Math.min(-surplus, burstReplicas) }]
}

/** A machine that was updated in place comes to its new set before it is counted there: until then it is no surplus. */
function isArriving(set: MachineSet, machine: Machine): boolean {
  if (phaseOf(machine) !== 'InPlaceUpdateSuccessful') return false
  if (set.metadata.labels?.[machineLabels.scaleUpDisabled] !== undefined) return false
  const desired = Number(set.metadata.annotations?.[machineAnnotations.desiredReplicas] ?? Number.NaN)
  return Number.isNaN(desired) || wantedReplicas(set) < desired
}

function doom(set: MachineSet, machine: Machine): string | undefined {
  if (phaseOf(machine) === 'Failed') return machine.status?.lastOperation?.description ?? 'it failed'
  const scaledAt = Date.parse(set.metadata.annotations?.[machineAnnotations.lastReplicaChangeByScalerTime] ?? '')
  const marked = deletionPriority(machine) === 1 && markedAt(machine) <= scaledAt
  return marked ? 'the autoscaler chose it' : undefined
}

/** How many machines a set is to have; none unless told: typed clients leave a zero out. */
export function wantedReplicas(set: { readonly spec?: { readonly replicas?: number } }): number {
  return set.spec?.replicas ?? 0
}

function isFrozen(set: MachineSet): boolean {
  return set.metadata.labels?.[machineLabels.freeze] === 'True'
}
