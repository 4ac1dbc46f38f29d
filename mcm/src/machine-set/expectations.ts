import type { Clock } from '@trellis/foundation/clock'

/**
 * What this process asked the API server for and its informer does not show yet. While anything is outstanding a set is not counted anew,
 * so that no machine is made or deleted twice.
 */
export interface Expectations {
  /** The machine of that uid was made. */
  created(set: string, machineUid: string): void
  /** The machine of that uid was asked to go. */
  deleted(set: string, machineUid: string): void
  /** The informer shows the machine, leaving or not; or it shows no longer. */
  seen(machineUid: string, state: 'present' | 'leaving' | 'gone'): void
  /** That many machines are about to be made for a set, one after another; each that was, or was not, is one less. */
  planned(set: string, count: number): void
  /** Machines of a set that were made, or are about to be, and that the informer does not show yet. */
  coming(set: string): number
  /** How long until the set may be counted; 0 when nothing is outstanding. */
  outstandingMilliseconds(set: string): number
  /** A machine of that name was asked for, and nobody knows whether it was made. */
  unanswered(set: string, name: string): void
  /** A name that was asked for without an answer, to be asked for again; each is told once. */
  nextUnanswered(set: string): string | undefined
  /** Forgets the names that are known by now: to be called with what a set is counted by, so that none of them is made up for by another. */
  answered(set: string, isKnown: (name: string) => boolean): void
  forget(set: string): void
}

/** After this long something was lost that will not come: better to count what is there. */
const patienceMilliseconds = 300_000

/** Makes a ledger in which nothing is outstanding. */
export function createExpectations(clock: Clock): Expectations {
  const creations = new Map<string, string>()
  const deletions = new Map<string, string>()
  const outstanding = new Map<string, Map<string, number>>()
  const plans = new Map<string, number>()
  const names = new Map<string, string[]>()
  /** Events can be faster than the answer to the request that caused them. */
  const early = createRecent(clock)

  const settle = (ledger: Map<string, string>, uid: string) => {
    const set = ledger.get(uid)
    if (set === undefined) return
    ledger.delete(uid)
    outstanding.get(set)?.delete(uid)
  }
  const expect = (ledger: Map<string, string>, set: string, uid: string) => {
    ledger.set(uid, set)
    const entries = outstanding.get(set) ?? new Map<string, number>()
    entries.set(uid, clock.now())
    outstanding.set(set, entries)
  }
  return {
    created: (set, uid) => {
      if (!early.has(uid, 'present')) expect(creations, set, uid)
    },
    deleted: (set, uid) => {
      if (!early.has(uid, 'leaving')) expect(deletions, set, uid)
    },
    seen: (uid, state) => {
      early.add(uid, state)
      settle(creations, uid)
      if (state !== 'present') settle(deletions, uid)
    },
    planned: (set, count) => {
      if (count > 0) plans.set(set, count)
      else plans.delete(set)
    },
    coming: (set) => {
      const made = [...(outstanding.get(set)?.keys() ?? [])].filter((uid) => creations.has(uid))
      return (plans.get(set) ?? 0) + made.length
    },
    outstandingMilliseconds: (set) => {
      const entries = outstanding.get(set)
      if (entries === undefined || entries.size === 0) return 0
      const left = Math.min(...entries.values()) + patienceMilliseconds - clock.now()
      if (left > 0) return left
      entries.clear()
      return 0
    },
    unanswered: (set, name) => {
      names.set(set, [...(names.get(set) ?? []), name])
    },
    nextUnanswered: (set) => names.get(set)?.shift(),
    answered: (set, isKnown) => {
      const left = names.get(set)?.filter((name) => !isKnown(name))
      if (left !== undefined) names.set(set, left)
    },
    forget: (set) => {
      plans.delete(set)
      names.delete(set)
      for (const uid of outstanding.get(set)?.keys() ?? []) {
        creations.delete(uid)
        deletions.delete(uid)
      }
      outstanding.delete(set)
    },
  }
}

/** Remembers for a minute what was seen, and in which state. */
function createRecent(clock: Clock) {
  const keepMilliseconds = 60_000
  const seen = new Map<string, { readonly at: number; readonly leaving: boolean }>()
  return {
    add: (uid: string, state: 'present' | 'leaving' | 'gone') => {
      seen.delete(uid)
      seen.set(uid, { at: clock.now(), leaving: state !== 'present' })
      for (const [oldest, { at }] of seen) {
        if (clock.now() - at < keepMilliseconds) break
        seen.delete(oldest)
      }
    },
    has: (uid: string, state: 'present' | 'leaving'): boolean => {
      const entry = seen.get(uid)
      return entry !== undefined && (state === 'present' || entry.leaving)
    },
  }
}
