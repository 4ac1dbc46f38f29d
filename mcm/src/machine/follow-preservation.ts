import type { Node } from '@trellis/api/core/node'
import { machineAnnotations } from '@trellis/api/machine/well-known'
import { again, type Outcome } from '@trellis/kubernetes/controller'
import { drainMachine, endDrain } from './drain-machine.ts'
import type { Following } from './follow-machine.ts'
import type { MachineObservation } from './observation.ts'
import { phaseOf, phaseSince } from './phase.ts'
import { decidePreservation, drainMark, type PreservationDecision } from './preservation.ts'
import { syncNode } from './sync-node.ts'
import { patchMachine, writeStatus } from './write.ts'
import { patchNode, stateNodeCondition } from './write-node.ts'

/** How soon to look again at a preservation that cannot end yet. */
const recheckMilliseconds = 10_000

/** Takes the preservation of a machine one step further. Undefined when there is nothing (more) to do about it; `settled` is false when something was written, so that all else is decided anew. */
export async function followPreservation(
  following: Following,
  observed: MachineObservation,
): Promise<{ readonly settled: boolean; readonly outcome: Outcome } | undefined> {
  const { context, memory } = following
  const decision = decidePreservation(observed, context.clock.now())
  if (await write(following, observed, decision)) return { settled: false, outcome: again(0) }
  if (decision.drain) return drain(following, observed)
  if (phaseOf(observed.machine) === 'Failed') endDrain(memory)
  if (decision.nextAt === undefined) return undefined
  const left = decision.nextAt - context.clock.now()
  return { settled: true, outcome: again(left > 0 ? left : recheckMilliseconds) }
}

/**
 * The order makes every crash harmless. A beginning is noted first and then carried out; what an end depends on, that the wish is gone
 * and the Node is as before, comes before the end itself.
 */
async function write(
  following: Following,
  observed: MachineObservation,
  decision: PreservationDecision,
): Promise<boolean> {
  const { context } = following
  const begins = typeof decision.expiry === 'string'
  if (begins) await writeExpiry(following, observed, decision)
  const changedNode = begins ? false : await writeNode(following, observed, decision)
  if (decision.annotations !== undefined && !begins) {
    await patchMachine(context, observed.machine, { metadata: { annotations: decision.annotations } })
    return true
  }
  if (begins || changedNode) return true
  if (decision.expiry === undefined) return false
  await writeExpiry(following, observed, decision)
  return true
}

async function writeNode(
  { context }: Following,
  observed: MachineObservation,
  { wishes, condition }: PreservationDecision,
): Promise<boolean> {
  const { target } = context
  if (target === undefined || wishes === undefined) return false
  const state = async (node: Node | undefined) =>
    condition === undefined || node === undefined
      ? node
      : stateNodeCondition(context, target, { node, statement: condition })
  // The condition is what tells later that the marks are of a preservation: it comes before them and goes after them.
  const after =
    condition?.status === 'True'
      ? await syncNode(context, { ...observed, node: await state(observed.node) }, wishes)
      : await state(await syncNode(context, observed, wishes))
  return after !== observed.node
}

async function writeExpiry(
  { context }: Following,
  { machine }: MachineObservation,
  { expiry }: PreservationDecision,
): Promise<void> {
  if (expiry === undefined) return
  await writeStatus(context, machine, { preserveExpiryTime: expiry })
  if (expiry === null) context.events.normal(machine, 'PreservationStopped', 'The machine is no longer preserved')
  else context.events.normal(machine, 'Preserved', `The machine is preserved until ${expiry}`)
}

/** A machine that failed keeps its server for whoever wants to look at it, but no pods. */
async function drain(
  following: Following,
  observed: MachineObservation,
): Promise<{ readonly settled: boolean; readonly outcome: Outcome }> {
  const { context, memory } = following
  const { machine, node } = observed
  const progress = await drainMachine(following, observed, { purpose: 'preservation', since: phaseSince(machine) })
  if (progress?.kind === 'draining') return { settled: true, outcome: again(progress.milliseconds) }
  endDrain(memory)
  if (context.target !== undefined && node !== undefined) {
    const annotations = { [machineAnnotations.drainedForPreservation]: drainMark(machine) }
    await patchNode(context.target, node.metadata.name, { metadata: { annotations } })
  }
  return { settled: false, outcome: again(0) }
}
