import type { Bounds } from './bounds.ts'
import { byAge, type SetView, serversOf, total } from './sets-view.ts'

/** Wanted numbers by name of set; sets that are absent keep theirs. */
export type Scaling = ReadonlyMap<string, number>

/** What a rollout decides upon: the set of the present template, all older ones, and how many machines are wanted in all. */
export interface Rollout {
  readonly replicas: number
  readonly bounds: Bounds
  readonly newest: SetView
  readonly old: readonly SetView[]
}

/**
 * One step of replacing the machines of old sets by those of the newest: never more servers than wanted plus surge, those that are still going included,
 * and never fewer available machines than wanted minus what may be unavailable. Machines that are not available go first.
 */
export function rollingStep({ replicas, bounds, newest, old }: Rollout): Scaling {
  const all = [newest, ...old]
  const scaling = new Map<string, number>()
  if (newest.wanted > replicas) scaling.set(newest.name, replicas)
  const room = replicas + bounds.maxSurge - total(all, serversOf)
  const growth = Math.min(room, replicas - newest.wanted)
  if (growth > 0) scaling.set(newest.name, newest.wanted + growth)

  let removable = total(all, ({ wanted }) => wanted) - (replicas - bounds.maxUnavailable) - unavailable(newest)
  const oldestFirst = [...old].sort(byAge)
  for (const view of oldestFirst) {
    const sick = Math.max(0, view.wanted - view.available)
    removable -= take(scaling, view, Math.min(sick, removable))
  }
  let spare =
    newest.available +
    total(oldestFirst, (view) => Math.min(view.available, wantedAfter(scaling, view))) -
    (replicas - bounds.maxUnavailable)
  for (const view of oldestFirst) {
    const taken = take(scaling, view, Math.min(spare, removable, wantedAfter(scaling, view)))
    spare -= taken
    removable -= taken
  }
  return scaling
}

/**
 * One step of a Recreate: old sets to nothing, and the newest to its full number once no old machine is left; after a rollback
 * the newest has old machines of its own, which are going.
 */
export function recreateStep({ replicas, newest, old }: Rollout): Scaling {
  const shrinking = old.filter(({ wanted }) => wanted > 0)
  if (shrinking.length > 0) return new Map(shrinking.map(({ name }) => [name, 0]))
  const gone = old.every(({ existing, coming }) => existing + coming === 0) && newest.existing === newest.present
  return gone && newest.wanted !== replicas ? new Map([[newest.name, replicas]]) : new Map()
}

/** How many machines a set for a new template starts with. */
export function firstReplicas(replicas: number, bounds: Bounds, old: readonly SetView[], recreate: boolean): number {
  if (recreate) return old.every(({ wanted, existing, coming }) => wanted + existing + coming === 0) ? replicas : 0
  const room = replicas + bounds.maxSurge - total(old, serversOf)
  return Math.max(0, Math.min(room, replicas))
}

/** A change of the wanted number of machines. */
export interface Resizing {
  readonly replicas: number
  readonly surge: number
  readonly views: readonly SetView[]
  /** The set of the present template, which takes all growth; absent while nothing may be replaced. */
  readonly newest?: SetView | undefined
  /** The set that a rollout fills, or did before it was held up. */
  readonly filled?: SetView | undefined
}

/**
 * A change of the wanted number while several sets have machines: growth goes to the newest alone, as far as servers that are still going leave room;
 * its own among them, since after a rollback they are old ones. A set that is alone does not wait for machines that it was told to give up, unless it gave them up to a rollout that is held up now.
 * Shrinkage falls first to the sets whose machines the autoscaler chose, the rest is shared out in proportion, and what does not divide falls to the largest.
 */
export function shareOut({ replicas, surge, views, newest, filled }: Resizing): Scaling {
  const active = views.filter(({ wanted }) => wanted > 0)
  const target = newest ?? [...(active.length > 0 ? active : views)].sort(byAge).at(-1)
  if (target === undefined) return new Map()
  if (active.every((view) => view === target)) {
    const given = filled === undefined || filled === target ? 0 : target.existing - target.present
    const to = Math.min(replicas, Math.max(target.wanted, replicas + surge - given - serversElsewhere(views, target)))
    return target.wanted === to ? new Map() : new Map([[target.name, to]])
  }
  const sum = total(active, ({ wanted }) => wanted)
  const allowed = replicas === 0 ? 0 : replicas + surge
  if (sum > allowed) return shrink(active, sum - allowed)
  const room = allowed - total(views, serversOf)
  return room > 0 ? new Map([[target.name, target.wanted + room]]) : new Map()
}

/** Servers of all other sets, those that are still going included: a rollout began their replacement. */
function serversElsewhere(views: readonly SetView[], one: SetView): number {
  const others = views.filter((view) => view !== one)
  return total(others, serversOf)
}

function shrink(active: readonly SetView[], surplus: number): Scaling {
  const largestFirst = [...active].sort((left, right) => right.wanted - left.wanted || byAge(left, right))
  const scaling = new Map<string, number>()
  let surplusLeft = surplus
  for (const view of largestFirst) surplusLeft -= take(scaling, view, Math.min(view.chosen, surplusLeft))
  if (surplusLeft === 0) return scaling
  const sum = total(active, (view) => wantedAfter(scaling, view))
  const allowed = sum - surplusLeft
  const sizes = largestFirst.map((view) => ({ view, size: wantedAfter(scaling, view) }))
  const shares = sizes.map(({ view, size }) => ({ view, size, share: Math.floor((size * allowed) / sum) }))
  let rest = allowed - shares.reduce((whole, { share }) => whole + share, 0)
  for (const { view, size, share } of shares) {
    const more = Math.min(rest, size - share)
    rest -= more
    take(scaling, view, size - share - more)
  }
  return scaling
}

function unavailable({ wanted, available }: SetView): number {
  return Math.max(0, wanted - available)
}

function wantedAfter(scaling: Scaling, { name, wanted }: SetView): number {
  return scaling.get(name) ?? wanted
}

/** Lowers a set's number and returns by how much. */
function take(scaling: Map<string, number>, view: SetView, count: number): number {
  const before = wantedAfter(scaling, view)
  const taken = Math.max(0, Math.min(count, before))
  if (taken > 0) scaling.set(view.name, before - taken)
  return taken
}
