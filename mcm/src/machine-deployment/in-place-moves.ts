import type { Machine } from '@trellis/api/machine/machine'
import type { MachineDeployment } from '@trellis/api/machine/machine-deployment'
import { machineLabels } from '@trellis/api/machine/well-known'
import { boundsOf, wantedReplicas } from './bounds.ts'
import { type InPlaceStep, inPlaceStep } from './in-place.ts'
import type { MemberLookup } from './in-place-members.ts'
import { movePatch } from './in-place-move.ts'
import { forget, isScalingEvent, type SetAction, scaled, shrinks } from './moves.ts'
import { newestPatch, newSetOf } from './new-set.ts'
import { firstReplicas, shareOut } from './rollout.ts'
import type { SetView } from './sets-view.ts'

/** Makes a machine that was updated in place one of another set. */
export interface MoveAction {
  readonly kind: 'move'
  readonly machine: Machine
  /** Name of the set that it comes to. */
  readonly to: string
  readonly patch: object
}

/** What one pass over a deployment that is updated in place does: first the actions, then the nodes. */
export interface InPlaceMoves {
  readonly actions: readonly (SetAction | MoveAction)[]
  readonly nodes: InPlaceStep['nodes']
  /** Whether nodes are not to be touched yet: what else there is to write to them comes with the same write later. */
  readonly nodesLater?: boolean
}

/** The sets of a deployment and what is known of their machines. */
export interface InPlaceSets {
  /** The set of the present template, if there is one. */
  readonly newest: SetView | undefined
  readonly old: readonly SetView[]
  readonly lookup: MemberLookup
}

/** The next step of a deployment whose machines are updated in place: a change of the wanted number comes first, then the update, then history is cut. */
export function decideInPlaceMoves(deployment: MachineDeployment, { newest, old, lookup }: InPlaceSets): InPlaceMoves {
  const replicas = wantedReplicas(deployment)
  const bounds = boundsOf(deployment)
  const all = newest === undefined ? old : [...old, newest]
  const paused = deployment.spec?.paused === true
  if (isScalingEvent(all, replicas)) {
    const scaling = shareOut({ replicas, surge: bounds.maxSurge, views: all, newest })
    // Growth waits for the set that is to be made first, unless that may not be made now.
    if (newest !== undefined || paused || shrinks(all, scaling)) return only(scaled(deployment, all, scaling))
  }
  if (newest === undefined) {
    if (paused) return only([])
    return only([{ kind: 'create-set', set: newSetOf(deployment, old, firstReplicas(replicas, bounds, old, false)) }])
  }
  const patch = paused ? undefined : newestPatch(deployment, newest, old)
  if (patch !== undefined) return only([{ kind: 'update-set', set: newest.set, patch }])
  const chooses = deployment.spec?.strategy?.inPlaceUpdate?.orchestrationType !== 'Manual'
  const step = inPlaceStep({ replicas, bounds, newest, old, chooses, paused, lookup })
  const actions = actionsOf(deployment, { newest, old, all }, step)
  return { actions, nodes: step.nodes, nodesLater: step.disable.length > 0 }
}

function only(actions: InPlaceMoves['actions']): InPlaceMoves {
  return { actions, nodes: [], nodesLater: true }
}

function actionsOf(
  deployment: MachineDeployment,
  {
    newest,
    old,
    all,
  }: { readonly newest: SetView; readonly old: readonly SetView[]; readonly all: readonly SetView[] },
  { disable, moves, scaling }: InPlaceStep,
): InPlaceMoves['actions'] {
  const labels = { [machineLabels.scaleUpDisabled]: 'true' }
  const actions = [
    ...disable.map((set) => ({ kind: 'update-set' as const, set, patch: { metadata: { labels } } })),
    ...moves.map(({ machine, from }) => {
      return { kind: 'move' as const, machine, to: newest.name, patch: movePatch(machine, from, newest.set) }
    }),
    ...(disable.length > 0 ? [] : scaled(deployment, all, scaling)),
  ]
  return actions.length === 0 ? forget(deployment, newest, old) : actions
}
