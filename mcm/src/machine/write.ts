import { type Machine, machines } from '@trellis/api/machine/machine'
import { machineFinalizers } from '@trellis/api/machine/well-known'
import { keyOf } from '@trellis/api/meta'
import type { MachineContext } from './context.ts'
import { type StatusStatement, statusWith } from './phase.ts'

type WriteContext = Pick<MachineContext, 'clock' | 'control' | 'machineReader'>

/** Makes a statement true of the machine's status; writes nothing when it is already. Throws `Conflict` when the machine changed meanwhile. */
export async function writeStatus(
  { clock, control, machineReader }: WriteContext,
  machine: Machine,
  statement: StatusStatement,
): Promise<Machine> {
  const status = statusWith(machine, statement, clock.now())
  if (status === undefined) return machine
  return machineReader.remember(await control.replaceStatus(machines, { ...machine, status }))
}

/** Applies a merge patch to the machine, but not its status. */
export async function patchMachine(
  { control, machineReader }: WriteContext,
  machine: Machine,
  patch: object,
): Promise<Machine> {
  return machineReader.remember(await control.patch(machines, keyOf(machine), patch, { type: 'merge' }))
}

/** Protects the machine from vanishing before its server; guarded, since lists are replaced as a whole. */
export function addFinalizer(context: WriteContext, machine: Machine): Promise<Machine> {
  const finalizers = [...(machine.metadata.finalizers ?? []), machineFinalizers.object]
  return patchMachine(context, machine, { metadata: { resourceVersion: machine.metadata.resourceVersion, finalizers } })
}

/** Lets the machine vanish. */
export function removeFinalizer(context: WriteContext, machine: Machine): Promise<Machine> {
  const finalizers = (machine.metadata.finalizers ?? []).filter((name) => name !== machineFinalizers.object)
  return patchMachine(context, machine, { metadata: { resourceVersion: machine.metadata.resourceVersion, finalizers } })
}
