import type { Machine, MachinePhase } from '@trellis/api/machine/machine'
import { machineAnnotations } from '@trellis/api/machine/well-known'
import { createdAt, phaseOf } from '../machine/phase.ts'
import { preservedUntil, preserveValueOf } from '../machine/preservation.ts'

/** Phases from the first to be given up to the last. */
const phases: readonly MachinePhase[] = [
  'Terminating',
  'Failed',
  'CrashLoopBackOff',
  'Unknown',
  '',
  'Pending',
  'InPlaceUpdateFailed',
  'InPlaceUpdating',
  'InPlaceUpdateSuccessful',
  'Available',
  'Running',
]

/** Priority that machines have unless told. */
const usualPriority = 3

/** Machines in the order in which a shrinking set deletes them: those that are not preserved, then those that the set preserved by itself, whose time ends first, then those that a user did; priority, then the instant they were marked, then phase, then age, oldest first. */
export function deletionOrder(machines: readonly Machine[], honoursPreservation = true): readonly Machine[] {
  const rank = honoursPreservation ? preservationRank : () => 0
  return machines
    .map((machine) => ({
      machine,
      ranks: [
        rank(machine),
        deletionPriority(machine),
        markedAt(machine),
        phases.indexOf(phaseOf(machine)),
        createdAt(machine),
      ],
    }))
    .sort(
      (left, right) =>
        compareRanks(left.ranks, right.ranks) || compareText(left.machine.metadata.name, right.machine.metadata.name),
    )
    .map(({ machine }) => machine)
}

function compareRanks(left: readonly number[], right: readonly number[]): number {
  const index = left.findIndex((rank, place) => rank !== right[place])
  return (left[index] ?? 0) - (right[index] ?? 0)
}

/** Instants stand between the machines without and those with a wish of a user. */
function preservationRank(machine: Machine): number {
  const until = preservedUntil(machine)
  // Whoever marks a machine means that one.
  const isMarked = markedAt(machine) !== Number.MAX_SAFE_INTEGER
  if (until === undefined || isMarked) return 0
  return preserveValueOf(machine) === 'auto-preserved' ? until : Number.MAX_SAFE_INTEGER
}

/** The machine's deletion priority; lower goes first. Text that is no number counts as the usual one. */
export function deletionPriority(machine: Machine): number {
  const text = machine.metadata.annotations?.[machineAnnotations.priority]
  const priority = Number(text)
  return text === undefined || text.trim() === '' || Number.isNaN(priority) ? usualPriority : priority
}

/** When the machine was marked for deletion, in milliseconds; unmarked ones come last. */
export function markedAt(machine: Machine): number {
  const at = Date.parse(machine.metadata.annotations?.[machineAnnotations.markedForDeletionTime] ?? '')
  return Number.isNaN(at) ? Number.MAX_SAFE_INTEGER : at
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}
