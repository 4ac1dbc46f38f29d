import type { ReplacementCounts, ReplacementState } from './replacement-permit.ts'

/** One machine as it is counted. */
export interface Counted {
  readonly group: string
  readonly zone: string
  readonly state: ReplacementState
  readonly leaving: boolean
}

/** Machines counted by group and zone; adding one and reading a count cost the same, however many there are. */
export interface ReplacementTally {
  add(machine: Counted, by: 1 | -1): void
  /** Machines of a group, in all zones, or in one together with those whose zone nobody knows yet. */
  of(group: string, zone?: string): ReplacementCounts
  /** Machines of all groups in a zone. */
  neighbours(zone: string): ReplacementCounts
  /** Machines of a group that are going. */
  leaving(group: string): number
}

const none: ReplacementCounts = { well: 0, sick: 0, busy: 0, waiting: 0, spared: 0 }

/** Makes an empty tally. */
export function createReplacementTally(): ReplacementTally {
  const counts = new Map<string, ReplacementCounts>()
  const going = new Map<string, number>()
  const add = (key: string, state: ReplacementState, by: number) => {
    const before = counts.get(key) ?? none
    const after = { ...before, [state]: before[state] + by }
    if (totalOf(after) === 0) counts.delete(key)
    else counts.set(key, after)
  }
  return {
    add: ({ group, zone, state, leaving }, by) => {
      for (const key of [ofGroup(group), ofBoth(group, zone), ofZone(zone)]) add(key, state, by)
      if (!leaving) return
      const after = (going.get(group) ?? 0) + by
      if (after === 0) going.delete(group)
      else going.set(group, after)
    },
    of: (group, zone) => {
      if (zone === undefined) return counts.get(ofGroup(group)) ?? none
      const inZone = counts.get(ofBoth(group, zone)) ?? none
      return zone === '' ? inZone : sumOf(inZone, counts.get(ofBoth(group, '')))
    },
    neighbours: (zone) => counts.get(ofZone(zone)) ?? none,
    leaving: (group) => going.get(group) ?? 0,
  }
}

/** The counts without one machine that is among them. */
export function without(counts: ReplacementCounts, state: ReplacementState | undefined): ReplacementCounts {
  return state === undefined ? counts : { ...counts, [state]: counts[state] - 1 }
}

function sumOf(left: ReplacementCounts, right: ReplacementCounts | undefined): ReplacementCounts {
  if (right === undefined) return left
  return {
    well: left.well + right.well,
    sick: left.sick + right.sick,
    busy: left.busy + right.busy,
    waiting: left.waiting + right.waiting,
    spared: left.spared + right.spared,
  }
}

/** All machines of the counts. */
export function totalOf(counts: ReplacementCounts): number {
  return Object.values(counts).reduce((sum, one) => sum + one, 0)
}

const ofGroup = (group: string) => `group ${group}`
const ofZone = (zone: string) => `zone ${zone}`
const ofBoth = (group: string, zone: string) => `both ${zone} ${group}`
