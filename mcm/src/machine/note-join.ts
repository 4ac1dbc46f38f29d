import { machineAnnotations } from '@trellis/api/machine/well-known'
import { again, type Outcome } from '@trellis/kubernetes/controller'
import type { Following } from './follow-machine.ts'
import { joinDurationOf, type Pacer } from './join-duration.ts'
import type { MachineObservation } from './observation.ts'
import { patchMachine } from './write.ts'

/** Writes down how long the machine took to join: at once where few do, else when there is nothing better to write. Undefined when there is nothing to do. */
export async function noteJoin(
  { context, memory }: Following,
  { machine }: MachineObservation,
  pacer: Pacer,
): Promise<Outcome | undefined> {
  const duration = joinDurationOf(machine)
  if (duration === undefined) return undefined
  memory.joinNoteAt ??= pacer.next()
  const left = memory.joinNoteAt - context.clock.now()
  if (left > 0) return again(left)
  await patchMachine(context, machine, { metadata: { annotations: { [machineAnnotations.joinDuration]: duration } } })
  return undefined
}
