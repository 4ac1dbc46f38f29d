import { type Machine, machines } from '@trellis/api/machine/machine'
import { type MachineSet, machineSets } from '@trellis/api/machine/machine-set'
import { machineConditionReasons, machineEventReasons, machineFinalizers } from '@trellis/api/machine/well-known'
import { keyOf } from '@trellis/api/meta'
import { describe, isFailure } from '@trellis/foundation/failure'
import { settleInTurns } from '../common/in-turns.ts'
import { controllerReference } from '../common/ownership.ts'
import { phaseOf } from '../machine/phase.ts'
import type { MachineSetContext } from './context.ts'
import { createMachines } from './create-machines.ts'
import type { MachineSetAction } from './decide.ts'
import type { Expectations } from './expectations.ts'
import { type Trouble, trouble } from './trouble.ts'

/** Carries the actions of one pass out: first what concerns machines that exist, then creations. Returns what went wrong; nothing is made then. */
export async function applyAll(
  context: MachineSetContext,
  expectations: Expectations,
  set: MachineSet,
  actions: readonly MachineSetAction[],
): Promise<Trouble | undefined> {
  const others = actions.filter(({ kind }) => kind !== 'create')
  const results = await settleInTurns(others, (action) => applyOne(context, expectations, set, action))
  tellDeletions(
    context,
    set,
    others.filter((_, index) => results[index]?.status === 'fulfilled'),
  )
  const refused = results.findIndex((result) => result.status === 'rejected')
  if (refused >= 0) return refusal(context, set, others[refused], results[refused])
  const count = actions.reduce((sum, action) => sum + (action.kind === 'create' ? action.count : 0), 0)
  return createMachines(context, expectations, set, count)
}

function refusal(
  { events }: MachineSetContext,
  set: MachineSet,
  action: MachineSetAction | undefined,
  result: PromiseSettledResult<unknown> | undefined,
): Trouble {
  const error: unknown = result?.status === 'rejected' ? result.reason : undefined
  if (action?.kind !== 'delete') return { error, said: undefined }
  events.warn(set, machineEventReasons.failedDelete, describe(error))
  return trouble(machineConditionReasons.replicaFailure.failedDelete, error)
}

/** One event for all machines that go for the same reason. */
function tellDeletions(context: MachineSetContext, set: MachineSet, actions: readonly MachineSetAction[]): void {
  const deletions = actions.filter((action) => action.kind === 'delete')
  for (const [why, group] of Map.groupBy(deletions, (action) => action.why)) {
    const names = group.map(({ machine }) => machine.metadata.name)
    const shown = names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ')
    context.events.normal(set, machineEventReasons.successfulDelete, `Deleted ${shown}: ${why}`)
  }
}

async function applyOne(
  context: MachineSetContext,
  expectations: Expectations,
  set: MachineSet,
  action: MachineSetAction,
): Promise<void> {
  switch (action.kind) {
    case 'add-finalizer':
      return setFinalizers(context, set, [...(set.metadata.finalizers ?? []), machineFinalizers.object])
    case 'remove-finalizer':
      return setFinalizers(
        context,
        set,
        (set.metadata.finalizers ?? []).filter((name) => name !== machineFinalizers.object),
      )
    case 'adopt':
      return setOwners(context, action.machine, [
        ...(action.machine.metadata.ownerReferences ?? []),
        controllerReference(set),
      ])
    case 'release':
      return setOwners(
        context,
        action.machine,
        (action.machine.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== set.metadata.uid),
      )
    case 'update':
      context.machineReader.remember(
        await context.control.patch(machines, keyOf(action.machine), action.patch, { type: 'merge' }),
      )
      return
    case 'delete':
      return deleteOne(context, expectations, set, action)
    case 'create':
      return
  }
}

async function deleteOne(
  context: MachineSetContext,
  expectations: Expectations,
  set: MachineSet,
  { machine, why }: { readonly machine: Machine; readonly why: string },
): Promise<void> {
  const uid = machine.metadata.uid ?? ''
  await context.control.delete(machines, keyOf(machine), { uid })
  expectations.deleted(set.metadata.uid ?? '', uid)
  if (phaseOf(machine) === 'Failed') context.times.stale()
  context.log.info({ set: set.metadata.name, machine: machine.metadata.name, why }, 'machine asked to go')
}

async function setFinalizers(
  context: MachineSetContext,
  set: MachineSet,
  finalizers: readonly string[],
): Promise<void> {
  const { resourceVersion } = set.metadata
  const patch = { metadata: { resourceVersion, finalizers } }
  context.setReader.remember(await context.control.patch(machineSets, keyOf(set), patch, { type: 'merge' }))
}

async function setOwners(
  context: MachineSetContext,
  machine: Machine,
  ownerReferences: Machine['metadata']['ownerReferences'],
): Promise<void> {
  const { resourceVersion } = machine.metadata
  const patch = { metadata: { resourceVersion, ownerReferences } }
  try {
    context.machineReader.remember(await context.control.patch(machines, keyOf(machine), patch, { type: 'merge' }))
  } catch (error) {
    // It changed or went meanwhile: its change brings the set back.
    if (!isFailure(error, 'Conflict', 'NotFound')) throw error
  }
}
