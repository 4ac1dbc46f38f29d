import type { Machine } from '@trellis/api/machine/machine'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import { machineAnnotations } from '@trellis/api/machine/well-known'
import { isLeaving, phaseOf } from '../machine/phase.ts'
import { hadItsTime, preservedUntil, preserveValueOf } from '../machine/preservation.ts'

/** What a set does about failed machines that are, or are to be, preserved. */
export interface PreservationPlan {
  /** Failed machines that are neither deleted nor replaced. */
  readonly held: ReadonlySet<Machine>
  /** Those among them that the set preserves by itself from now on. */
  readonly begin: readonly Machine[]
}

/** Whether preservation counts for the machines of a set: not while they are being replaced by machines of another template. */
export function honoursPreservation({ metadata }: MachineSet): boolean {
  return metadata.annotations?.[machineAnnotations.preferNoSchedule] === undefined
}

/**
 * Decides which failed machines of a set stay. What a user asked for always does; beyond that the set preserves up to `autoPreserveFailedMachineMax` machines
 * by itself. When that number shrinks, those whose time ends first are let go of.
 */
export function planPreservation(set: MachineSet, present: readonly Machine[]): PreservationPlan {
  if (!honoursPreservation(set)) return { held: new Set(), begin: [] }
  const failed = present.filter((machine) => phaseOf(machine) === 'Failed')
  if (failed.length === 0) return { held: new Set(), begin: [] }
  const withValue = (...wanted: (string | undefined)[]) =>
    failed.filter((machine) => wanted.includes(preserveValueOf(machine)))
  const most = Math.max(0, set.spec?.autoPreserveFailedMachineMax ?? 0)
  const automatic = withValue('auto-preserved').sort(byExpiry).reverse().slice(0, most)
  // Machines that recovered a moment ago may still be marked: they count until they are not.
  const places = Math.max(0, most - autoPreservedCount(present))
  // Where no server was ever made there is nothing to look at, and what was looked at long enough is not preserved again.
  const worthwhile = withValue(undefined).filter(
    (machine) => machine.spec?.providerID !== undefined && !hadItsTime(machine),
  )
  const begin = worthwhile.sort(byName).slice(0, places)
  return { held: new Set([...withValue('now', 'when-failed'), ...automatic, ...begin]), begin }
}

/** The patch by which a set preserves a failed machine; guarded, so that it does not cover up what a user says meanwhile. */
export function preservePatch({ metadata }: Machine): object {
  const { resourceVersion } = metadata
  return { metadata: { resourceVersion, annotations: { [machineAnnotations.preserve]: 'auto-preserved' } } }
}

/** Machines that sets preserve by themselves. */
export function autoPreservedCount(machines: readonly Machine[]): number {
  return machines.filter((machine) => !isLeaving(machine) && preserveValueOf(machine) === 'auto-preserved').length
}

/** Failed machines that are preserved. */
export function preservedFailedCount(machines: readonly Machine[]): number {
  return machines.filter(
    (machine) => !isLeaving(machine) && phaseOf(machine) === 'Failed' && preservedUntil(machine) !== undefined,
  ).length
}

function byExpiry(left: Machine, right: Machine): number {
  const [one, other] = [left, right].map((machine) => preservedUntil(machine) ?? Number.MAX_SAFE_INTEGER)
  return (one ?? 0) - (other ?? 0) || byName(left, right)
}

function byName(left: Machine, right: Machine): number {
  return left.metadata.name < right.metadata.name ? -1 : 1
}
