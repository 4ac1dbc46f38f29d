import { findCondition } from '@trellis/api/conditions'
import type { Node } from '@trellis/api/core/node'
import type { Machine } from '@trellis/api/machine/machine'
import { machineLabels } from '@trellis/api/machine/well-known'
import { formatDuration } from '../common/duration.ts'

/** What a node is drained for. A machine that goes is forced by another label than one that stays. */
export type DrainPurpose = 'deletion' | 'update' | 'preservation'

/** What may force a drain. */
export interface ForceObservation {
  readonly machine: Machine
  readonly node: Node | undefined
  readonly purpose: DrainPurpose
  /** When the drain began. */
  readonly since: number
  readonly drainTimeoutMilliseconds: number
}

/** A node whose kubelet has been silent, or whose disk has been broken, for this long gets no chance to stop its pods in peace. */
const deadNodeMilliseconds = 300_000
/** What Go programs read as true. */
const truths = ['1', 't', 'T', 'TRUE', 'true', 'True']

/** Why pods are to be deleted without grace or regard for budgets, for people; undefined while they are not. */
export function forcedBecause(observed: ForceObservation, now: number): string | undefined {
  const { since, drainTimeoutMilliseconds, node } = observed
  const label = forcingLabel(observed)
  if (label !== undefined) return `label ${label} is set`
  if (now >= since + drainTimeoutMilliseconds) return `not drained within ${formatDuration(drainTimeoutMilliseconds)}`
  if (hasLong(node, 'Ready', 'True', now)) return 'the node has not been ready for more than 5m0s'
  if (hasLong(node, 'ReadonlyFilesystem', 'False', now)) {
    return 'the file system of the node has been read-only for more than 5m0s'
  }
  return undefined
}

/** The label that forces this drain, if the machine has it. */
export function forcingLabel({ machine, purpose }: Pick<ForceObservation, 'machine' | 'purpose'>): string | undefined {
  const label = purpose === 'deletion' ? machineLabels.forceDeletion : machineLabels.forceDrain
  return truths.includes(machine.metadata.labels?.[label] ?? '') ? label : undefined
}

/** When one of the node's conditions will have been wrong for long enough, if it is wrong. */
export function forcedByNodeAt(node: Node | undefined): number | undefined {
  const instants = [wrongSince(node, 'Ready', 'True'), wrongSince(node, 'ReadonlyFilesystem', 'False')]
  const known = instants.filter((instant) => instant !== undefined)
  return known.length === 0 ? undefined : Math.min(...known) + deadNodeMilliseconds + 1
}

function hasLong(node: Node | undefined, type: string, good: string, now: number): boolean {
  const since = wrongSince(node, type, good)
  return since !== undefined && now - since > deadNodeMilliseconds
}

function wrongSince(node: Node | undefined, type: string, good: string): number | undefined {
  const condition = findCondition(node?.status?.conditions, type)
  if (condition === undefined || condition.status === good || !condition.lastTransitionTime) return undefined
  return Date.parse(condition.lastTransitionTime)
}
