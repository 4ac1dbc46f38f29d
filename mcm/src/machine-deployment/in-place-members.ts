import type { Node } from '@trellis/api/core/node'
import type { Machine } from '@trellis/api/machine/machine'
import { type NodeUpdate, nodeUpdateOf } from '../machine/in-place-node.ts'
import { isUpdatePhase } from '../machine/in-place-update.ts'
import { createdAt, isLeaving, phaseOf } from '../machine/phase.ts'
import { deletionPriority } from '../machine-set/order.ts'
import type { SetView } from './sets-view.ts'

/** A machine that is not going, and its Node. */
export interface Member {
  readonly machine: Machine
  readonly node: Node | undefined
  readonly update: NodeUpdate | undefined
  /** It was chosen, by whomever, and is not back yet. */
  readonly updating: boolean
  /** It does its work and will go on doing so. */
  readonly steady: boolean
}

/** What is known of machines beside what they say. */
export interface MemberLookup {
  nodeOf(machine: Machine): Node | undefined
  isAvailable(machine: Machine): boolean
}

/** The machines of a set that are not going. */
export function membersOf(view: SetView, lookup: MemberLookup): readonly Member[] {
  return view.machines.filter((machine) => !isLeaving(machine)).map((machine) => memberOf(machine, lookup))
}

function memberOf(machine: Machine, { nodeOf, isAvailable }: MemberLookup): Member {
  const node = nodeOf(machine)
  const update = node === undefined ? undefined : nodeUpdateOf(node)
  const chosen = update !== undefined && ((update.candidate && update.selected) || update.result !== undefined)
  const updating = chosen || isUpdatePhase(phaseOf(machine))
  return { machine, node, update, updating, steady: isAvailable(machine) && !updating }
}

/** Whether whoever updates it reported success and the machine says so too: it is a machine of the new template now. */
export function isUpdated({ machine, update }: Member): boolean {
  return phaseOf(machine) === 'InPlaceUpdateSuccessful' && update?.result === 'successful'
}

/** Whether an update was announced to it, or it was even chosen, and nobody may have begun to update it: that can still be called off. */
export function canBeCalledOff({ machine, update }: Member): boolean {
  if (update === undefined || update.result !== undefined || isUpdatePhase(phaseOf(machine))) return false
  return (update.candidate || update.selected) && update.reason !== 'ReadyForUpdate'
}

/** Machines in the order in which they are chosen: those that the autoscaler wants gone last, then the oldest first. */
export function inOrderOfChoice(members: readonly Member[]): readonly Member[] {
  return [...members].sort(
    ({ machine: left }, { machine: right }) =>
      deletionPriority(right) - deletionPriority(left) ||
      createdAt(left) - createdAt(right) ||
      (left.metadata.name < right.metadata.name ? -1 : 1),
  )
}
