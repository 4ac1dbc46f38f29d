import type { Node } from '@trellis/api/core/node'
import type { Machine } from '@trellis/api/machine/machine'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import { machineLabels } from '@trellis/api/machine/well-known'
import { announcement, restoration } from '../machine/in-place-node.ts'
import { isUpdatePhase } from '../machine/in-place-update.ts'
import { phaseOf } from '../machine/phase.ts'
import { deletionOrder } from '../machine-set/order.ts'
import {
  canBeCalledOff,
  inOrderOfChoice,
  isUpdated,
  type Member,
  type MemberLookup,
  membersOf,
} from './in-place-members.ts'
import { type Rollout, rollingStep, type Scaling } from './rollout.ts'
import { byAge, type SetView, total } from './sets-view.ts'

/** What an update in place decides upon. */
export interface InPlaceRollout extends Rollout {
  /** Whether machines are chosen here, or by people who label nodes. */
  readonly chooses: boolean
  /** Whether nothing new may begin; what has begun is brought to its end. */
  readonly paused: boolean
  readonly lookup: MemberLookup
}

/** What one pass of an update in place does, in this order. */
export interface InPlaceStep {
  /** Old sets that must make no machines any more: those that they lose go to the new set. Nothing else is done in the same pass. */
  readonly disable: readonly MachineSet[]
  /** Updated machines that are to belong to the newest set. */
  readonly moves: readonly { readonly machine: Machine; readonly from: MachineSet }[]
  readonly scaling: Scaling
  /** Announcements, choices and restorations of Nodes. */
  readonly nodes: readonly { readonly node: Node; readonly patch: object }[]
}

const nothing: InPlaceStep = { disable: [], moves: [], scaling: new Map(), nodes: [] }

interface Counted {
  readonly view: SetView
  readonly members: readonly Member[]
}

/**
 * One step of updating machines in place. Machines are told, chosen, moved to the newest set once they are updated, and only then counted there, so that
 * a crash between any two writes neither loses nor doubles one. Never are more chosen than leave the wanted number minus what may be unavailable, nor
 * more than the newest set still lacks; never are there more servers than wanted plus surge. What is left over in old sets in the end is deleted.
 */
export function inPlaceStep(rollout: InPlaceRollout): InPlaceStep {
  const { newest: newestView, lookup, paused } = rollout
  const newest = { view: newestView, members: membersOf(newestView, lookup) }
  const old = [...rollout.old].sort(byAge).map((view) => ({ view, members: membersOf(view, lookup) }))
  const disable = old
    .filter(({ view }) => view.existing > 0 && !isScaleUpDisabled(view.set))
    .map(({ view }) => view.set)
  if (disable.length > 0 && !paused) return { ...nothing, disable }
  const moves = updatedMachines(rollout, newest, old)
  const wantedHere = countArrivals(rollout, newest)
  const restored = restorations(rollout, newest, wantedHere)
  const scaling = paused ? arrivalsOnly(newest, wantedHere) : scalingOf(rollout, { newest, old, wantedHere })
  if (paused) return { ...nothing, moves, scaling, nodes: restored }
  const chosen = choice(rollout, { newest, old, wantedHere: scaling.get(newest.view.name) ?? newest.view.wanted })
  return { ...nothing, moves, scaling, nodes: [...restored, ...announcements(old, chosen)] }
}

/** Whether an update in place forbids a set to make machines. */
export function isScaleUpDisabled(set: MachineSet): boolean {
  return set.metadata.labels?.[machineLabels.scaleUpDisabled] !== undefined
}

/** Patches that end updates in place that are no longer wanted: nodes that nobody has begun to update are freed, those whose update is done take part again. */
export function callOff(views: readonly SetView[], lookup: MemberLookup): InPlaceStep['nodes'] {
  return views
    .flatMap((view) => membersOf(view, lookup))
    .flatMap((member) => {
      const { node } = member
      if (node === undefined || !(isUpdated(member) || canBeCalledOff(member))) return []
      return patchOf(node, restoration(node, isUpdated(member)))
    })
}

function updatedMachines({ replicas }: InPlaceRollout, newest: Counted, old: readonly Counted[]): InPlaceStep['moves'] {
  const room = replicas - Math.max(newest.view.wanted, newest.view.present)
  return old
    .flatMap(({ view, members }) => members.filter(isUpdated).map(({ machine }) => ({ machine, from: view.set })))
    .slice(0, Math.max(0, room))
}

/** The newest set's number with the machines that have come over but are not counted yet. */
function countArrivals({ replicas }: InPlaceRollout, { view, members }: Counted): number {
  const arrived = members.filter(isUpdated).length
  const uncounted = Math.max(0, Math.min(arrived, view.present - view.wanted))
  return Math.min(view.wanted + uncounted, Math.max(replicas, 0))
}

function arrivalsOnly({ view }: Counted, wantedHere: number): Scaling {
  return wantedHere > view.wanted ? new Map([[view.name, wantedHere]]) : new Map()
}

/** Nodes of the newest set: those whose machines are counted are opened, those whose update is no longer wanted are let go. */
function restorations({ replicas }: InPlaceRollout, { view, members }: Counted, wantedHere: number) {
  const counted = view.present <= wantedHere || wantedHere >= replicas
  return members.flatMap((member) => {
    const { node } = member
    if (node === undefined) return []
    if (isUpdated(member)) return counted ? patchOf(node, restoration(node, true)) : []
    return canBeCalledOff(member) ? patchOf(node, restoration(node, false)) : []
  })
}

interface Counts {
  readonly newest: Counted
  readonly old: readonly Counted[]
  readonly wantedHere: number
}

function scalingOf(rollout: InPlaceRollout, { newest, old, wantedHere }: Counts): Scaling {
  const { replicas, bounds } = rollout
  const remaining = old.map(({ view, members }) => ({ ...view, wanted: remainingOf(view, members) }))
  const here = { ...newest.view, wanted: wantedHere, available: newest.members.filter(({ steady }) => steady).length }
  const room =
    replicas +
    bounds.maxSurge -
    total([here, ...remaining], ({ wanted, existing, coming }) => Math.max(wanted, existing + coming))
  const wanted = wantedHere + Math.max(0, Math.min(room, replicas - wantedHere))
  const views = remaining.map((view, index) => ({
    ...view,
    available: old[index]?.members.filter(({ steady }) => steady).length ?? 0,
  }))
  // A set does not know which of its machines are being drained: it might delete another.
  const draining = old.some(({ members }) => members.some(isDraining))
  const shrinks = wanted >= replicas && !draining
  const surplus = shrinks ? rollingStep({ ...rollout, newest: { ...here, wanted }, old: views }) : new Map()
  const after = new Map<string, number>([
    [here.name, wanted],
    ...views.map((view) => [view.name, view.wanted] as const),
  ])
  for (const [name, count] of surplus) after.set(name, count)
  const before = new Map([newest.view, ...old.map(({ view }) => view)].map((view) => [view.name, view.wanted]))
  return new Map([...after].filter(([name, count]) => before.get(name) !== count))
}

function isDraining({ machine, updating }: Member): boolean {
  return updating && !isUpdatePhase(phaseOf(machine))
}

/** An old set keeps what it has; machines that never got a server are not worth an update: the newest set makes them in their stead. */
function remainingOf(view: SetView, members: readonly Member[]): number {
  const order = deletionOrder(members.map(({ machine }) => machine))
  const firstBorn = order.findIndex((machine) => !isStillborn(machine))
  const stillborn = firstBorn === -1 ? order.length : firstBorn
  return Math.min(view.wanted, view.present) - Math.min(stillborn, view.wanted, view.present)
}

function isStillborn(machine: Machine): boolean {
  const phase = phaseOf(machine)
  return phase === '' || phase === 'CrashLoopBackOff'
}

/** The machines to update next. */
function choice(
  { replicas, bounds, chooses }: InPlaceRollout,
  { newest, old, wantedHere }: Counts,
): ReadonlySet<Member> {
  if (!chooses) return new Set()
  const members = old.flatMap((counted) => counted.members)
  const steady = [...members, ...newest.members].filter((member) => member.steady).length
  const updating = members.filter((member) => member.updating).length
  const spare = steady - Math.max(0, replicas - bounds.maxUnavailable)
  const lacking = replicas - wantedHere - updating
  const eligible = old.flatMap((counted) =>
    inOrderOfChoice(counted.members.filter(({ steady, node }) => steady && node !== undefined)),
  )
  return new Set(eligible.slice(0, Math.max(0, Math.min(spare, lacking))))
}

function announcements(old: readonly Counted[], chosen: ReadonlySet<Member>): InPlaceStep['nodes'] {
  return old.flatMap(({ members }) =>
    members.flatMap((member) => {
      const { node, machine } = member
      const phase = phaseOf(machine)
      if (node === undefined || !(phase === 'Running' || phase === 'Unknown' || isUpdatePhase(phase))) return []
      return patchOf(node, announcement(node, chosen.has(member)))
    }),
  )
}

function patchOf(node: Node | undefined, patch: object | undefined): InPlaceStep['nodes'] {
  return node === undefined || patch === undefined ? [] : [{ node, patch }]
}
