import { instantText } from '@trellis/api/conditions'
import { type Node, type NodeStatusCondition, nodes } from '@trellis/api/core/node'
import type { MachineContext, TargetContext } from './context.ts'

/** A condition of a Node, without its instants. */
export type NodeConditionStatement = Pick<NodeStatusCondition, 'type' | 'status' | 'reason' | 'message'>

/** Applies a patch to a Node, but not its status; a merge patch unless told. */
export async function patchNode(
  target: TargetContext,
  name: string,
  patch: object,
  type: 'merge' | 'strategic' = 'merge',
): Promise<Node> {
  return target.nodeReader.remember(await target.client.patch(nodes, { name }, patch, { type }))
}

/**
 * States one condition of a Node and leaves those of its kubelet and of others alone; writes nothing when it is stated already.
 * Its instant changes with its reason too: the steps of an update are told apart by reason alone.
 */
export async function stateNodeCondition(
  { clock }: Pick<MachineContext, 'clock'>,
  target: TargetContext,
  { node, statement }: { readonly node: Node; readonly statement: NodeConditionStatement },
): Promise<Node> {
  const before = node.status?.conditions?.find(({ type }) => type === statement.type)
  const { status, reason, message } = statement
  const moved = before?.status !== status || before.reason !== reason
  if (!moved && before.message === message) return node
  const at = instantText(clock.now())
  const condition = {
    ...statement,
    lastHeartbeatTime: at,
    lastTransitionTime: moved ? at : (before?.lastTransitionTime ?? at),
  }
  const patch = { status: { conditions: [condition] } }
  const { name } = node.metadata
  return target.nodeReader.remember(
    await target.client.patch(nodes, { name }, patch, { type: 'strategic', subresource: 'status' }),
  )
}
