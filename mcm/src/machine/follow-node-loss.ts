import { machines } from '@trellis/api/machine/machine'
import { keyOf } from '@trellis/api/meta'
import { again, done, type Outcome } from '@trellis/kubernetes/controller'
import { type Following, withFreshNode } from './follow-machine.ts'
import { decideNodeLoss } from './node-loss.ts'
import type { MachineObservation } from './observation.ts'

/** Deletes a machine whose Node somebody deleted. Undefined when it has its Node, or when its deployment may not lose one more just now, so that the next step may follow. */
export async function followNodeLoss(following: Following, observed: MachineObservation): Promise<Outcome | undefined> {
  const loss = decideNodeLoss(observed)
  if (loss === 'none') return undefined
  const { context, permits } = following
  const { machine } = observed
  // Throws while the API server does not answer: an outage deletes nothing.
  const confirmed = decideNodeLoss(await withFreshNode(context, observed))
  if (confirmed === 'none') return again(1000)
  if (confirmed === 'deleted') return deleteMachine(following, observed, 'its node is being deleted')
  // Nodes that vanish by the dozen are more likely a fault of the cluster than a wish.
  const permit = permits.take(machine)
  if ('refused' in permit) return undefined
  try {
    const outcome = await deleteMachine(following, observed, 'its node is gone')
    permit.keep()
    return outcome
  } finally {
    permit.release()
  }
}

async function deleteMachine(
  { context }: Following,
  { machine }: MachineObservation,
  because: string,
): Promise<Outcome> {
  const { uid } = machine.metadata
  context.events.warn(machine, 'NodeDeleted', `The machine is deleted because ${because}`)
  await context.control.delete(machines, keyOf(machine), uid === undefined ? {} : { uid })
  return done
}
