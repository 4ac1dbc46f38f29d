import { again, done, type Outcome } from '@trellis/kubernetes/controller'
import { drainMachine, endDrain } from './drain-machine.ts'
import { type Following, giveUp } from './follow-machine.ts'
import { decideUpdate, drainedStep, drainingStatement, type UpdateStep } from './in-place-update.ts'
import { copiedConditions } from './node-view.ts'
import type { MachineObservation } from './observation.ts'
import { observeMachine } from './observe.ts'
import { phaseOf } from './phase.ts'
import { writeStatus } from './write.ts'
import { patchNode, stateNodeCondition } from './write-node.ts'

/** More steps than an update has between two waits. */
const mostSteps = 10

/** Takes the update in place of a machine as far as it gets: steps that need not wait follow each other at once. A machine that is not updated costs nothing. */
export async function followUpdate(following: Following, name: string): Promise<Outcome> {
  const { context, memory } = following
  for (let steps = 0; steps < mostSteps; steps++) {
    const machine = context.machineReader.get({ namespace: context.namespace, name })
    if (machine === undefined || machine.metadata.deletionTimestamp !== undefined) return done
    const observed = observeMachine(context, machine)
    const step = decideUpdate(observed, context.clock.now())
    if (step?.kind !== 'drain') endDrain(memory)
    if (step === undefined) return done
    const outcome = await take(following, observed, step)
    if (outcome !== undefined) return outcome
  }
  return again(1000)
}

/** Takes one step; undefined means that the next may follow. */
async function take(
  following: Following,
  observed: MachineObservation,
  step: UpdateStep,
): Promise<Outcome | undefined> {
  const { context } = following
  switch (step.kind) {
    case 'move':
      return move(following, observed, step)
    case 'drain':
      return drain(following, observed, step.since)
    case 'fail':
      return giveUp(following, observed, (fresh) => {
        const confirmed = decideUpdate(fresh, context.clock.now())
        return confirmed?.kind === 'fail' ? confirmed.statement : undefined
      })
    case 'wait':
      await writeStatus(context, observed.machine, step.statement)
      return step.milliseconds === undefined ? done : again(step.milliseconds)
  }
}

async function move(
  { context }: Following,
  { machine, node }: MachineObservation,
  { uncordon, condition, statement, event }: Extract<UpdateStep, { kind: 'move' }>,
): Promise<undefined> {
  const { target, events } = context
  let present = node
  if (target !== undefined && present !== undefined) {
    const { name } = present.metadata
    if (uncordon) present = await patchNode(target, name, { spec: { unschedulable: null } })
    if (condition !== undefined) {
      present = await stateNodeCondition(context, target, { node: present, statement: condition })
    }
  }
  if (statement !== undefined) {
    // What was just said of the node is copied with the phase: one write instead of two.
    const seen = present === undefined ? {} : { conditions: copiedConditions(present) }
    await writeStatus(context, machine, { ...statement, ...seen })
  }
  if (event !== undefined) events[event.severity](machine, event.reason, event.note)
}

async function drain(following: Following, observed: MachineObservation, since: number): Promise<Outcome | undefined> {
  const progress = await drainMachine(following, observed, { purpose: 'update', since })
  if (progress === undefined) return done
  if (progress.kind === 'drained') return move(following, observed, drainedStep)
  // What is said of a machine's illness says more: two statements would follow each other without end.
  if (progress.reason !== 'LookingAtPods' && phaseOf(observed.machine) === 'Running') {
    await writeStatus(following.context, observed.machine, drainingStatement(progress.message))
  }
  return again(progress.milliseconds)
}
