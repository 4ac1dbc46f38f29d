import { type Machine, machines } from '@trellis/api/machine/machine'
import type { MachineDeployment } from '@trellis/api/machine/machine-deployment'
import { controllerOf } from '../common/ownership.ts'
import type { MachineDeploymentContext } from './context.ts'
import { chosenMachines } from './trigger-deletion.ts'

/**
 * Machines of a deployment that the autoscaler chose although the informer does not show them yet. The API server itself is asked for them: to take such a
 * machine for one that is gone would mean to delete another in its place.
 */
export async function findUnseen(
  { control, namespace, machines: informer, sets }: MachineDeploymentContext,
  deployment: MachineDeployment,
): Promise<readonly Machine[]> {
  const names = chosenMachines(deployment).map(({ name }) => name)
  const unknown = names.filter((name) => informer.get({ namespace, name }) === undefined)
  const found = await Promise.all(unknown.map((name) => control.find(machines, { namespace, name })))
  return found.filter((machine) => machine !== undefined).filter((machine) => isMember(machine))

  function isMember(machine: Machine): boolean {
    const set = sets.get({ namespace, name: controllerOf(machine)?.name ?? '' })
    return set !== undefined && controllerOf(set)?.uid === deployment.metadata.uid
  }
}
