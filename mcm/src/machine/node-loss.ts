import type { Node } from '@trellis/api/core/node'
import type { Machine, MachinePhase } from '@trellis/api/machine/machine'
import { machineLabels } from '@trellis/api/machine/well-known'
import { wasNode } from './node-view.ts'
import type { MachineObservation } from './observation.ts'
import { createdAt, phaseOf } from './phase.ts'

/** What became of a machine's Node. */
export type NodeLoss =
  | 'none'
  /** Somebody deletes it and our finalizer holds it: the machine is to go with it. */
  | 'deleted'
  /** It was there and is not any more, although our finalizer should have held it: deleted by force, or lost by the cluster. */
  | 'gone'

/** Phases of machines that have, or may have, a Node. */
const withNode: readonly MachinePhase[] = [
  'Pending',
  'Running',
  'Unknown',
  'Failed',
  'InPlaceUpdating',
  'InPlaceUpdateSuccessful',
  'InPlaceUpdateFailed',
]

/** Decides whether a machine has lost its Node. To be believed only after a fresh look: an informer may be stale. */
export function decideNodeLoss({ machine, node, target }: MachineObservation): NodeLoss {
  if (target.kind !== 'known' || !withNode.includes(phaseOf(machine))) return 'none'
  if (node === undefined) return wasNode(machine) ? 'gone' : 'none'
  return node.metadata.deletionTimestamp !== undefined && isNodeOf(machine, node) ? 'deleted' : 'none'
}

/**
 * Whether a Node of the machine's node name is the machine's own. One of an earlier server, whose name the cloud gave out again, carries another machine's
 * name or is older than the machine.
 */
export function isNodeOf(machine: Machine, node: Node): boolean {
  const owner = node.metadata.labels?.[machineLabels.machineName]
  if (owner !== undefined) return owner === machine.metadata.name
  return Date.parse(node.metadata.creationTimestamp ?? '') >= createdAt(machine)
}
