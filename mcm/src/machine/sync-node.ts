import { type Node, nodes } from '@trellis/api/core/node'
import { machineAnnotations } from '@trellis/api/machine/well-known'
import type { MachineContext } from './context.ts'
import { type NodeWishes, nodePatch } from './node-template.ts'
import type { MachineObservation } from './observation.ts'
import { type CapacityChange, capacityChange } from './virtual-capacity.ts'
import { patchNode } from './write-node.ts'

/**
 * Gives the machine's Node what its template, its class and `wishes` say, in one write, and one more where virtual capacity changes.
 * Writes nothing when it has it, or when it is being deleted. Returns the Node as it is then.
 */
export async function syncNode(
  { target }: MachineContext,
  observed: MachineObservation,
  wishes: NodeWishes = {},
): Promise<Node | undefined> {
  const { machine, node, classView } = observed
  if (node === undefined || target === undefined || node.metadata.deletionTimestamp !== undefined) return node
  const { name } = node.metadata
  // While the class cannot be read nobody knows what it offers: what was applied stays.
  const capacity = classView.ok ? capacityChange(classView.value.machineClass, node) : undefined
  let present = node
  if (capacity?.status !== undefined) {
    const options = { type: 'merge', subresource: 'status' } as const
    present = target.nodeReader.remember(
      await target.client.patch(nodes, { name }, { status: capacity.status }, options),
    )
  }
  const patch = nodePatch(machine, present, { ...wishes, annotations: { ...wishes.annotations, ...note(capacity) } })
  return patch === undefined ? present : patchNode(target, name, patch, 'strategic')
}

function note(capacity: CapacityChange | undefined): Readonly<Record<string, string | null>> {
  if (capacity?.annotation === undefined) return {}
  return { [machineAnnotations.lastAppliedVirtualCapacity]: capacity.annotation }
}
