import type { MachineDeployment } from '@trellis/api/machine/machine-deployment'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import { machineAnnotations } from '@trellis/api/machine/well-known'
import { type Bounds, boundsOf, wantedReplicas } from './bounds.ts'
import { desiredOf, newestPatch, newSetOf, revisionOf, scalePatch } from './new-set.ts'
import { firstReplicas, recreateStep, rollingStep, type Scaling, shareOut } from './rollout.ts'
import { type SetView, total } from './sets-view.ts'
import { isComplete } from './status.ts'

/** One thing to do to the sets of a deployment. */
export type SetAction =
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

/** The next step of a deployment towards its spec: a change of the wanted number comes first, then the rollout, then history is cut. */
export function decideMoves(
  deployment: MachineDeployment,
  newest: SetView | undefined,
  old: readonly SetView[],
): readonly SetAction[] {
  const replicas = wantedReplicas(deployment)
  const bounds = boundsOf(deployment)
  const all = newest === undefined ? old : [...old, newest]
  const strategy = deployment.spec?.strategy?.type ?? 'RollingUpdate'
  const paused = deployment.spec?.paused === true
  // While nodes are not known nothing can be updated in place, and nothing that exists may be replaced instead; what an update added before stays.
  const updating = strategy === 'InPlaceUpdate' && old.some(({ existing }) => existing > 0)
  const resizing = { replicas, surge: strategy === 'Recreate' ? 0 : bounds.maxSurge }
  if (updating && !isScalingEvent(all, replicas)) return []
  if ((paused || updating) && all.length > 0)
    return scaled(deployment, all, shareOut({ ...resizing, views: all, filled: newest }))
  const replaces = strategy === 'Recreate' && old.some(({ wanted }) => wanted > 0)
  if (isScalingEvent(all, replicas) && !replaces) {
    const scaling = shareOut({ ...resizing, views: all, newest })
    // Growth waits for the set that is to be made first.
    if (newest !== undefined || shrinks(all, scaling)) return scaled(deployment, all, scaling)
  }
  if (newest === undefined) {
    if (paused) return []
    const first = firstReplicas(replicas, bounds, old, strategy === 'Recreate')
    return [{ kind: 'create-set', set: newSetOf(deployment, old, first) }]
  }
  return roll(deployment, { newest, old, bounds, recreate: strategy === 'Recreate' })
}

interface Rolling {
  readonly newest: SetView
  readonly old: readonly SetView[]
  readonly bounds: Bounds
  readonly recreate: boolean
}

function roll(deployment: MachineDeployment, { newest, old, bounds, recreate }: Rolling): readonly SetAction[] {
  const patch = newestPatch(deployment, newest, old)
  if (patch !== undefined) return [{ kind: 'update-set', set: newest.set, patch }]
  const rollout = { replicas: wantedReplicas(deployment), bounds, newest, old }
  const scaling = recreate ? recreateStep(rollout) : rollingStep(rollout)
  if (scaling.size > 0) return scaled(deployment, [...old, newest], scaling, recreate ? undefined : newest)
  return forget(deployment, newest, old)
}

/** Whether the wanted number changed since the active sets were last scaled. */
export function isScalingEvent(all: readonly SetView[], replicas: number): boolean {
  return all.some(({ set, wanted }) => {
    const desired = desiredOf(set)
    return wanted > 0 && desired !== undefined && desired !== replicas
  })
}

/** Whether a scaling lowers any number. */
export function shrinks(all: readonly SetView[], scaling: Scaling): boolean {
  return all.some(({ name, wanted }) => (scaling.get(name) ?? wanted) < wanted)
}

/** Scales sets. Of those that are being replaced by `newest`, it is put on record that their nodes are marked. */
export function scaled(
  deployment: MachineDeployment,
  all: readonly SetView[],
  scaling: Scaling,
  newest?: SetView,
): readonly SetAction[] {
  const replicas = wantedReplicas(deployment)
  return all.flatMap((view): SetAction[] => {
    const { set, name, wanted } = view
    const to = scaling.get(name) ?? wanted
    const outdated = wanted > 0 && desiredOf(set) !== replicas
    if (to === wanted && !outdated) return []
    const replaced = newest !== undefined && view !== newest && to < wanted
    const annotations: Record<string, string> = replaced ? { [machineAnnotations.preferNoSchedule]: 'True' } : {}
    return [{ kind: 'scale-set', set, from: wanted, to, patch: scalePatch(deployment, set, to, annotations) }]
  })
}

/** Old sets beyond the history limit, oldest first, once the rollout is complete. */
export function forget(deployment: MachineDeployment, newest: SetView, old: readonly SetView[]): readonly SetAction[] {
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

/** Whether somebody asked for a set to be gone. */
export function isLeavingSet(set: MachineSet): boolean {
  return set.metadata.deletionTimestamp !== undefined
}
