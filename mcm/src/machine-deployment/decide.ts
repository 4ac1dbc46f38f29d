import { findCondition } from '@trellis/api/conditions'
import type { Machine } from '@trellis/api/machine/machine'
import type { MachineDeployment, MachineDeploymentStatus } from '@trellis/api/machine/machine-deployment'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import { machineConditionReasons, machineFinalizers } from '@trellis/api/machine/well-known'
import { claim } from '../common/ownership.ts'
import { boundsOf, wantedReplicas } from './bounds.ts'
import { desiredOf, newestPatch, newSetOf, revisionOf, scalePatch } from './new-set.ts'
import { firstReplicas, recreateStep, rollingStep, type Scaling, shareOut } from './rollout.ts'
import { byAge, type SetView, total, viewOf } from './sets-view.ts'
import { type DeploymentTrouble, deploymentStatus, isComplete } from './status.ts'
import { sameTemplate } from './template-hash.ts'
import { invalidity } from './validate.ts'

/** What one pass over a deployment decides upon. */
export interface MachineDeploymentObservation {
  readonly deployment: MachineDeployment
  /** Sets of the namespace that the deployment owns or whose labels fit its selector. */
  readonly sets: readonly MachineSet[]
  machinesOf(set: MachineSet): readonly Machine[]
  /** Why its machine class cannot be used just now. */
  readonly classTrouble: DeploymentTrouble | undefined
}

/** One thing to do for a deployment. */
export type MachineDeploymentAction =
  | { readonly kind: 'add-finalizer' }
  | { readonly kind: 'remove-finalizer' }
  | { readonly kind: 'adopt'; readonly set: MachineSet }
  | { readonly kind: 'release'; readonly set: MachineSet }
  | { readonly kind: 'create-set'; readonly set: MachineSet }
  | { readonly kind: 'delete-set'; readonly set: MachineSet }
  | { readonly kind: 'update-set'; readonly set: MachineSet; readonly patch: object }
  | {
      readonly kind: 'scale-set'
      readonly set: MachineSet
      readonly from: number
      readonly to: number
      readonly patch: object
    }

/** What a pass does. */
export interface MachineDeploymentDecision {
  readonly actions: readonly MachineDeploymentAction[]
  /** The status to write; undefined when it stands already. */
  readonly status: MachineDeploymentStatus | undefined
}

/** Decides what a deployment does about its sets. */
export function decideMachineDeployment(
  observed: MachineDeploymentObservation,
  now: number,
): MachineDeploymentDecision {
  const { deployment, sets } = observed
  const { owned, adopt, release } = claim(deployment, deployment.spec?.selector, sets)
  const finalizers = deployment.metadata.finalizers ?? []
  if (deployment.metadata.deletionTimestamp !== undefined)
    return { actions: leaving(finalizers, owned), status: undefined }
  const wrong = invalidity(deployment)
  if (wrong !== undefined) return invalid(observed, owned, wrong, now)
  if (!finalizers.includes(machineFinalizers.object)) return { actions: [{ kind: 'add-finalizer' }], status: undefined }
  if (adopt.length + release.length > 0) {
    const claims = [
      ...adopt.map((set) => ({ kind: 'adopt' as const, set })),
      ...release.map((set) => ({ kind: 'release' as const, set })),
    ]
    return { actions: claims, status: undefined }
  }
  const views = owned.map((set) => viewOf(set, observed.machinesOf(set))).sort(byAge)
  const newest = views.find(
    ({ set }) => !isLeavingSet(set) && sameTemplate(set.spec?.template, deployment.spec?.template),
  )
  const old = views.filter((view) => view !== newest)
  const trouble = observed.classTrouble ?? troubleOf(newest)
  return {
    actions: moves(deployment, newest, old),
    status: deploymentStatus({ deployment, newest, old, trouble }, now),
  }
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
  message: string,
  now: number,
): MachineDeploymentDecision {
  const old = owned.map((set) => viewOf(set, observed.machinesOf(set)))
  const trouble = { reason: 'InvalidSpec', message }
  return {
    actions: [],
    status: deploymentStatus({ deployment: observed.deployment, newest: undefined, old, trouble }, now),
  }
}

function troubleOf(newest: SetView | undefined): DeploymentTrouble | undefined {
  const { type } = machineConditionReasons.replicaFailure
  const condition = findCondition(newest?.set.status?.machineSetCondition, type)
  if (condition?.status !== 'True') return undefined
  return { reason: condition.reason ?? 'ReplicaFailure', message: condition.message ?? '' }
}

function moves(
  deployment: MachineDeployment,
  newest: SetView | undefined,
  old: readonly SetView[],
): readonly MachineDeploymentAction[] {
  const replicas = wantedReplicas(deployment)
  const bounds = boundsOf(deployment)
  const all = newest === undefined ? old : [...old, newest]
  const strategy = deployment.spec?.strategy?.type ?? 'RollingUpdate'
  // An update in place has an order of its own, which is not here yet: nothing that exists may be replaced instead.
  const held =
    deployment.spec?.paused === true || (strategy === 'InPlaceUpdate' && old.some(({ existing }) => existing > 0))
  if (isScalingEvent(all, replicas) || (held && all.length > 0)) {
    return scaled(deployment, all, shareOut(replicas, strategy === 'RollingUpdate' ? bounds.maxSurge : 0, all))
  }
  if (newest === undefined) {
    if (deployment.spec?.paused) return []
    const first = firstReplicas(replicas, bounds, old, strategy === 'Recreate')
    return [{ kind: 'create-set', set: newSetOf(deployment, old, first) }]
  }
  const patch = newestPatch(deployment, newest, old)
  if (patch !== undefined) return [{ kind: 'update-set', set: newest.set, patch }]
  const rollout = { replicas, bounds, newest, old }
  const scaling = strategy === 'Recreate' ? recreateStep(rollout) : rollingStep(rollout)
  if (scaling.size > 0) return scaled(deployment, all, scaling)
  return forget(deployment, newest, old)
}

/** The wanted number changed since the active sets were last scaled. */
function isScalingEvent(all: readonly SetView[], replicas: number): boolean {
  return all.some(({ set, wanted }) => {
    const desired = desiredOf(set)
    return wanted > 0 && desired !== undefined && desired !== replicas
  })
}

function scaled(
  deployment: MachineDeployment,
  all: readonly SetView[],
  scaling: Scaling,
): readonly MachineDeploymentAction[] {
  const replicas = wantedReplicas(deployment)
  return all.flatMap(({ set, name, wanted }): MachineDeploymentAction[] => {
    const to = scaling.get(name) ?? wanted
    const outdated = wanted > 0 && desiredOf(set) !== replicas
    if (to === wanted && !outdated) return []
    return [{ kind: 'scale-set', set, from: wanted, to, patch: scalePatch(deployment, set, to) }]
  })
}

/** Old sets beyond the history limit, oldest first, once the rollout is complete. */
function forget(
  deployment: MachineDeployment,
  newest: SetView,
  old: readonly SetView[],
): readonly MachineDeploymentAction[] {
  const limit = deployment.spec?.revisionHistoryLimit
  const all = [newest, ...old]
  const counts = {
    updatedReplicas: newest.present,
    replicas: total(all, ({ present }) => present),
    availableReplicas: total(all, ({ available }) => available),
  }
  if (limit === undefined || !isComplete(deployment, counts)) return []
  const empty = old.filter(({ set, wanted, existing }) => wanted === 0 && existing === 0 && !isLeavingSet(set))
  const oldestFirst = empty.sort((left, right) => revisionOf(left.set) - revisionOf(right.set))
  return oldestFirst.slice(0, Math.max(0, old.length - limit)).map(({ set }) => ({ kind: 'delete-set', set }))
}

function isLeavingSet(set: MachineSet): boolean {
  return set.metadata.deletionTimestamp !== undefined
}
