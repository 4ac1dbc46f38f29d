import { findCondition } from '@trellis/api/conditions'
import type { Machine } from '@trellis/api/machine/machine'
import { machineAnnotations } from '@trellis/api/machine/well-known'
import type { ObjectMeta } from '@trellis/api/meta'
import { isLeaving, phaseOf, phaseSince } from '../machine/phase.ts'

/** A deployment or set, as far as it says how long its machines must be ready. */
interface Patient {
  readonly metadata: ObjectMeta
  readonly spec?: { readonly minReadySeconds?: number } | undefined
}

/**
 * How long machines of a deployment or set must be ready before they count as available. Nothing unless its annotation asks for `minReadySeconds` to be
 * honoured: clients of the reference set the field without ever having felt it.
 */
export function minReadyMilliseconds({ metadata, spec }: Patient): number {
  if (metadata.annotations?.[machineAnnotations.honourMinReadySeconds] !== 'true') return 0
  return Math.max(0, spec?.minReadySeconds ?? 0) * 1000
}

/** When a machine counts as available, in milliseconds; undefined while it does not do what it was made for. */
export function availableAt(machine: Machine, minReady: number): number | undefined {
  const phase = phaseOf(machine)
  if (isLeaving(machine) || (phase !== 'Running' && phase !== 'Available')) return undefined
  if (minReady === 0) return 0
  const ready = findCondition(machine.status?.conditions, 'Ready')
  const readySince = ready?.status === 'True' ? Date.parse(ready.lastTransitionTime ?? '') || 0 : 0
  return Math.max(phaseSince(machine), readySince) + minReady
}

/** Whether a machine does what it was made for, and has for long enough. */
export function isAvailable(machine: Machine, minReady: number, now: number): boolean {
  const at = availableAt(machine, minReady)
  return at !== undefined && at <= now
}

/** The next instant at which one of the machines becomes available by mere waiting; undefined when none does. */
export function nextAvailability(machines: readonly Machine[], minReady: number, now: number): number | undefined {
  if (minReady === 0) return undefined
  const instants = machines
    .map((machine) => availableAt(machine, minReady))
    .filter((at) => at !== undefined && at > now)
  return instants.reduce((soonest, at) => (soonest === undefined || (at ?? 0) < soonest ? at : soonest), undefined)
}
