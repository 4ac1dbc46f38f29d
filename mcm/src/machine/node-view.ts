import type { Node } from '@trellis/api/core/node'
import type { Machine, NodeCondition } from '@trellis/api/machine/machine'
import { machineLabels, machineNodeConditions, machineTaints } from '@trellis/api/machine/well-known'
import { sameJson } from '../common/equality.ts'

/** Name of the Node that a machine is, or will be; undefined before its server was asked for. */
export function nodeNameOf(machine: Machine): string | undefined {
  const name = machine.metadata.labels?.[machineLabels.node]
  return name === undefined || name === '' ? undefined : name
}

/** Why a node is not healthy, for people; undefined when it is: Ready is True and none of the conditions that mean trouble is anything but False. */
export function illnessOf(
  conditions: readonly NodeCondition[] | undefined,
  troubles: readonly string[],
): string | undefined {
  if (conditions === undefined || conditions.length === 0) return 'the node has not reported yet'
  const ready = conditions.find(({ type }) => type === 'Ready')
  if (ready?.status !== 'True') return `the node is not ready${because(ready)}`
  const trouble = conditions.find(({ type, status }) => troubles.includes(type) && status !== 'False')
  return trouble === undefined ? undefined : `the node has ${trouble.type}=${trouble.status}${because(trouble)}`
}

/** Whether the node still waits for components that it must have before it may take pods. */
export function awaitsCriticalComponents(node: Node): boolean {
  return (node.spec?.taints ?? []).some(({ key }) => key === machineTaints.criticalComponentsNotReady)
}

/**
 * The node's conditions for the machine's status: those that the machine has already while nothing but heartbeats and the steps of an update in place
 * changed, so that these write nothing by themselves; the steps are copied with the phases that they lead to.
 */
export function conditionsFor(machine: Machine, node: Node): readonly NodeCondition[] {
  const present = machine.status?.conditions ?? []
  const copied = copiedConditions(node)
  return sameJson(telling(present), telling(copied)) ? present : copied
}

/** The node's conditions as they are. */
export function copiedConditions(node: Node): readonly NodeCondition[] {
  return (node.status?.conditions ?? []).map(copy)
}

function telling(conditions: readonly NodeCondition[]): readonly unknown[] {
  return conditions.filter(({ type }) => type !== machineNodeConditions.inPlaceUpdate.type).map(withoutHeartbeat)
}

function copy(condition: NonNullable<NonNullable<Node['status']>['conditions']>[number]): NodeCondition {
  const { lastTransitionTime, ...rest } = condition
  return lastTransitionTime === undefined || lastTransitionTime === null ? rest : { ...rest, lastTransitionTime }
}

function withoutHeartbeat({ lastHeartbeatTime: _, ...rest }: NodeCondition): Omit<NodeCondition, 'lastHeartbeatTime'> {
  return rest
}

function because(condition: NodeCondition | undefined): string {
  const text = condition?.message || condition?.reason
  return text === undefined || text === '' ? '' : `: ${text}`
}

/** Type of the machine condition that says which classes are avoided until when; there only before the machine has a server. */
export const avoidedCondition = 'ClassAvoided'

/** Whether the machine has been a node: only then has it conditions of one. */
export function wasNode({ status }: Machine): boolean {
  return (status?.conditions ?? []).some(({ type }) => type !== avoidedCondition)
}
