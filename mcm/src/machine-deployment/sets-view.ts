import type { Machine } from '@trellis/api/machine/machine'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import { isLeaving, phaseOf } from '../machine/phase.ts'
import { isAvailable } from '../machine-set/availability.ts'
import { wantedReplicas } from '../machine-set/decide.ts'
import { deletionPriority } from '../machine-set/order.ts'

/** One set of a deployment and its machines, counted. */
export interface SetView {
  readonly set: MachineSet
  readonly name: string
  /** Machines that it is to have. */
  readonly wanted: number
  /** Machines that there are, those that are going included: each of them still costs a server. */
  readonly existing: number
  /** Machines that are not going. */
  readonly present: number
  /** Machines that nobody sees yet although they were made, or are about to be: a smaller number that is wanted does not unmake them. */
  readonly coming: number
  readonly ready: number
  readonly available: number
  /** Machines that the autoscaler chose to go first. */
  readonly chosen: number
  readonly machines: readonly Machine[]
}

/** How machines are counted: since when they must be ready, and which of them are to go first. */
export interface Counting {
  readonly now: number
  readonly minReady: number
  readonly chosen: ReadonlySet<string>
}

/** Counts a set's machines; they say sooner than its status how it stands. */
export function viewOf(set: MachineSet, machines: readonly Machine[], { now, minReady, chosen }: Counting): SetView {
  const staying = machines.filter((machine) => !isLeaving(machine))
  return {
    set,
    name: set.metadata.name,
    wanted: wantedReplicas(set),
    existing: machines.length,
    present: staying.length,
    coming: 0,
    ready: staying.filter((machine) => phaseOf(machine) === 'Running').length,
    available: staying.filter((machine) => isAvailable(machine, minReady, now)).length,
    chosen: staying.filter((machine) => chosen.has(machine.metadata.name) || deletionPriority(machine) === 1).length,
    machines,
  }
}

type Counts = Pick<SetView, 'wanted' | 'present' | 'coming' | 'existing'>

/** Servers that a set comes to: a machine that is going keeps its own until the end, and does not keep the set from making those that it is to have. */
export function serversOf({ wanted, present, coming, existing }: Counts): number {
  return Math.max(wanted, present + coming) + existing - present
}

/** Sets from the oldest to the newest; equally old ones by name. */
export function byAge(left: SetView, right: SetView): number {
  const difference = born(left) - born(right)
  return difference === 0 ? (left.name < right.name ? -1 : 1) : difference
}

/** The sum of one count over sets. */
export function total(views: readonly SetView[], count: (view: SetView) => number): number {
  return views.reduce((sum, view) => sum + count(view), 0)
}

function born({ set }: SetView): number {
  return Date.parse(set.metadata.creationTimestamp ?? '') || 0
}
