import type { Bounds } from './bounds.ts'
import { byAge, type SetView, total } from './sets-view.ts'

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
  const room = replicas + bounds.maxSurge - total(all, ({ wanted, existing }) => Math.max(wanted, existing))
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

/** One step of a Recreate: old sets to nothing, and the newest to its full number once no old machine is left. */
export function recreateStep({ replicas, newest, old }: Rollout): Scaling {
  const shrinking = old.filter(({ wanted }) => wanted > 0)
  if (shrinking.length > 0) return new Map(shrinking.map(({ name }) => [name, 0]))
  const gone = old.every(({ existing }) => existing === 0)
  return gone && newest.wanted !== replicas ? new Map([[newest.name, replicas]]) : new Map()
}

/** How many machines a set for a new template starts with. */
export function firstReplicas(replicas: number, bounds: Bounds, old: readonly SetView[], recreate: boolean): number {
  if (recreate) return old.every(({ wanted, existing }) => wanted === 0 && existing === 0) ? replicas : 0
  const room = replicas + bounds.maxSurge - total(old, ({ wanted, existing }) => Math.max(wanted, existing))
  return Math.max(0, Math.min(room, replicas))
}

/**
 * A change of the wanted number while several sets have machines: growth goes to the newest alone, shrinkage is shared out in proportion,
 * what does not divide falls to the largest.
 */
export function shareOut(replicas: number, surge: number, views: readonly SetView[]): Scaling {
  const active = views.filter(({ wanted }) => wanted > 0)
  const newest = [...views].sort(byAge).at(-1)
  const only = active.length <= 1 ? (active[0] ?? newest) : undefined
  if (newest === undefined) return new Map()
  if (only !== undefined) return only.wanted === replicas ? new Map() : new Map([[only.name, replicas]])
  const sum = total(active, ({ wanted }) => wanted)
  const allowed = replicas === 0 ? 0 : replicas + surge
  if (sum < allowed) return new Map([[newest.name, newest.wanted + Math.max(0, allowed - sum)]])
  return shrink(active, sum, allowed)
}

function shrink(active: readonly SetView[], sum: number, allowed: number): Scaling {
  const largestFirst = [...active].sort((left, right) => right.wanted - left.wanted || byAge(left, right))
  const shares = new Map(largestFirst.map(({ name, wanted }) => [name, Math.floor((wanted * allowed) / sum)]))
  let rest = allowed - [...shares.values()].reduce((total, share) => total + share, 0)
  for (const { name, wanted } of largestFirst) {
    const share = shares.get(name) ?? 0
    const more = Math.min(rest, wanted - share)
    shares.set(name, share + more)
    rest -= more
  }
  return new Map([...shares].filter(([name, share]) => active.find((view) => view.name === name)?.wanted !== share))
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
