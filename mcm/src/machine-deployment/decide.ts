import { findCondition } from '@trellis/api/conditions'
import type { Node } from '@trellis/api/core/node'
import type { Machine } from '@trellis/api/machine/machine'
import type { MachineDeployment, MachineDeploymentStatus } from '@trellis/api/machine/machine-deployment'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import { machineConditionReasons, machineFinalizers } from '@trellis/api/machine/well-known'
import { claim } from '../common/ownership.ts'
import { isAvailable, minReadyMilliseconds } from '../machine-set/availability.ts'
import { callOff } from './in-place.ts'
import { decideInPlaceMoves, type InPlaceMoves, type MoveAction } from './in-place-moves.ts'
import { decideMoves, isLeavingSet, type SetAction } from './moves.ts'
import { decideNodeMarks, mergedMarks, type NodeMark } from './node-marks.ts'
import { decideRollback, type Rollback } from './rollback.ts'
import { byAge, type Counting, type SetView, viewOf } from './sets-view.ts'
import { type DeploymentTrouble, deploymentStatus } from './status.ts'
import { sameTemplate } from './template-hash.ts'
import { type ChoiceAction, decideChoices } from './trigger-deletion.ts'
import { invalidity } from './validate.ts'

/** What one pass over a deployment decides upon. */
export interface MachineDeploymentObservation {
  readonly deployment: MachineDeployment
  /** Sets of the namespace that the deployment owns or whose labels fit its selector. */
  readonly sets: readonly MachineSet[]
  machinesOf(set: MachineSet): readonly Machine[]
  /** Machines of a set that were made, or are about to be, and that no informer shows yet; none unless told. */
  coming?(set: MachineSet): number
  /** Machines that the autoscaler chose and that no informer shows yet. */
  readonly unseen?: readonly Machine[]
  /** Why its machine class cannot be used just now. */
  readonly classTrouble: DeploymentTrouble | undefined
  /** Whether machines join a cluster; they do unless told. */
  readonly hasTarget?: boolean
  /** The nodes that its machines are; absent when they are not known. */
  readonly nodes?: ObservedNodes | undefined
}

/** The nodes of a deployment's machines. */
export interface ObservedNodes {
  nodeOf(machine: Machine): Node | undefined
  /** Whether any node at all carries a mark of a rollout. */
  readonly anyMarked: boolean
  /** Whether the autoscaler is to leave nodes alone during a rollout. */
  readonly keepNodes: boolean
}

/** One thing to do for a deployment. */
export type MachineDeploymentAction =
  | { readonly kind: 'add-finalizer' }
  | { readonly kind: 'remove-finalizer' }
  | { readonly kind: 'adopt'; readonly set: MachineSet }
  | { readonly kind: 'release'; readonly set: MachineSet }
  | ({ readonly kind: 'rollback' } & Rollback)
  | ChoiceAction
  | MoveAction
  | SetAction

/** What a pass does. */
export interface MachineDeploymentDecision {
  readonly actions: readonly MachineDeploymentAction[]
  /** The status to write; undefined when it stands already. */
  readonly status: MachineDeploymentStatus | undefined
  /** Nodes to mark, or to free of their marks; nothing else waits for it. */
  readonly nodeMarks: readonly NodeMark[]
  /** All of its machines. */
  readonly machines: readonly Machine[]
}

/** Decides what a deployment does about its sets. */
export function decideMachineDeployment(
  observed: MachineDeploymentObservation,
  now: number,
): MachineDeploymentDecision {
  const { deployment, sets } = observed
  const { owned, adopt, release } = claim(deployment, deployment.spec?.selector, sets)
  const finalizers = deployment.metadata.finalizers ?? []
  if (deployment.metadata.deletionTimestamp !== undefined) return only(leaving(finalizers, owned))
  const wrong = invalidity(deployment, observed.hasTarget)
  if (wrong !== undefined) return invalid(observed, owned, wrong, now)
  if (!finalizers.includes(machineFinalizers.object)) return only([{ kind: 'add-finalizer' }])
  if (adopt.length + release.length > 0) {
    return only([
      ...adopt.map((set) => ({ kind: 'adopt' as const, set })),
      ...release.map((set) => ({ kind: 'release' as const, set })),
    ])
  }
  return decideClaimed(observed, owned, now)
}

function only(actions: readonly MachineDeploymentAction[]): MachineDeploymentDecision {
  return { actions, status: undefined, nodeMarks: [], machines: [] }
}

function decideClaimed(
  observed: MachineDeploymentObservation,
  owned: readonly MachineSet[],
  now: number,
): MachineDeploymentDecision {
  const { deployment, unseen = [] } = observed
  const paused = deployment.spec?.paused === true
  const members = owned.map((set) => ({ set, machines: observed.machinesOf(set) }))
  const machines = members.flatMap((member) => member.machines)
  const choices = decideChoices(deployment, machines, finder([...machines, ...unseen]), now)
  const rollback = paused ? undefined : decideRollback(deployment, owned)
  // The template that the rollback brings back is what the next pass works with.
  if (rollback !== undefined) {
    return { ...only([...choices.actions, { kind: 'rollback', ...rollback }]), machines }
  }
  const counting = { now, minReady: minReadyMilliseconds(deployment), chosen: choices.chosen }
  const views = members
    .map(({ set, machines: own }) => ({ ...viewOf(set, own, counting), coming: observed.coming?.(set) ?? 0 }))
    .sort(byAge)
  const newest = views.find(
    ({ set }) => !isLeavingSet(set) && sameTemplate(set.spec?.template, deployment.spec?.template),
  )
  const old = views.filter((view) => view !== newest)
  const { actions: moves, nodes, nodesLater = false } = movesOf(observed, { newest, old, counting })
  const created = moves.find((action) => action.kind === 'create-set')?.set.metadata.name
  const trouble = observed.classTrouble ?? troubleOf(newest)
  return {
    actions: [...choices.actions, ...moves],
    status: deploymentStatus({ deployment, newest, old, trouble, created }, now),
    nodeMarks: mergedMarks(paused || nodesLater ? [] : nodeMarks(observed, newest, old), nodes),
    machines,
  }
}

interface Views {
  readonly newest: SetView | undefined
  readonly old: readonly SetView[]
  readonly counting: Counting
}

function movesOf({ deployment, nodes }: MachineDeploymentObservation, { newest, old, counting }: Views): InPlaceMoves {
  if (nodes === undefined) return { actions: decideMoves(deployment, newest, old), nodes: [] }
  const { now, minReady } = counting
  const lookup = { nodeOf: nodes.nodeOf, isAvailable: (machine: Machine) => isAvailable(machine, minReady, now) }
  if (deployment.spec?.strategy?.type === 'InPlaceUpdate')
    return decideInPlaceMoves(deployment, { newest, old, lookup })
  const all = newest === undefined ? old : [...old, newest]
  // The strategy may have changed while an update in place was announced.
  const left = nodes.anyMarked ? callOff(all, lookup) : []
  return { actions: decideMoves(deployment, newest, old), nodes: left }
}

function finder(machines: readonly Machine[]): (name: string) => Machine | undefined {
  // Most deployments list none: nothing is made for them.
  let byName: ReadonlyMap<string, Machine> | undefined
  return (name) => {
    byName ??= new Map(machines.map((machine) => [machine.metadata.name, machine]))
    return byName.get(name)
  }
}

function nodeMarks(
  { deployment, nodes }: MachineDeploymentObservation,
  newest: SetView | undefined,
  old: readonly SetView[],
): readonly NodeMark[] {
  if (nodes === undefined) return []
  const { type = 'RollingUpdate' } = deployment.spec?.strategy ?? {}
  const rolling = type !== 'Recreate' && old.some(({ wanted, existing }) => wanted + existing > 0)
  return decideNodeMarks({ ...nodes, newest, old, rolling })
}

function leaving(finalizers: readonly string[], owned: readonly MachineSet[]): readonly MachineDeploymentAction[] {
  if (!finalizers.includes(machineFinalizers.object)) return []
  const orphans = finalizers.includes('orphan')
  if (owned.length === 0 || orphans) return [{ kind: 'remove-finalizer' }]
  return owned.filter((set) => !isLeavingSet(set)).map((set) => ({ kind: 'delete-set', set }))
}

/** A deployment that cannot be carried out keeps the machines that it has, and says what is wrong. */
function invalid(
  observed: MachineDeploymentObservation,
  owned: readonly MachineSet[],
  trouble: DeploymentTrouble,
  now: number,
): MachineDeploymentDecision {
  const { deployment } = observed
  const counting = { now, minReady: minReadyMilliseconds(deployment), chosen: new Set<string>() }
  const old = owned.map((set) => viewOf(set, observed.machinesOf(set), counting))
  const status = deploymentStatus({ deployment, newest: undefined, old, trouble, created: undefined }, now)
  return { ...only([]), status, machines: old.flatMap(({ machines }) => machines) }
}

function troubleOf(newest: SetView | undefined): DeploymentTrouble | undefined {
  const { type } = machineConditionReasons.replicaFailure
  const condition = findCondition(newest?.set.status?.machineSetCondition, type)
  if (condition?.status !== 'True') return undefined
  return { reason: condition.reason ?? 'ReplicaFailure', message: condition.message ?? '' }
}
