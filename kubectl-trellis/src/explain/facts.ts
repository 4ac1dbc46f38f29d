import { type Event, events } from '@trellis/api/core/event'
import { type Machine, machines } from '@trellis/api/machine/machine'
import { type MachineDeployment, machineDeployments } from '@trellis/api/machine/machine-deployment'
import { type MachineSet, machineSets } from '@trellis/api/machine/machine-set'
import { Failure } from '@trellis/foundation/failure'
import type { Client } from '@trellis/kubernetes/client'
import { controllerOf } from '@trellis/mcm/common/ownership'

/** All that a machine's story is told from. */
export interface MachineFacts {
  readonly name: string
  readonly namespace: string
  /** Undefined when it has gone. */
  readonly machine: Machine | undefined
  readonly set: MachineSet | undefined
  readonly deployment: MachineDeployment | undefined
  /** Events about the machine, and those about its owners that may concern it, oldest first. */
  readonly events: readonly Event[]
}

/** Reads what there is about a machine. Throws `NotFound` when there is neither a machine nor an event about one. */
export async function gatherFacts(client: Client, namespace: string, name: string): Promise<MachineFacts> {
  const machine = await client.find(machines, { namespace, name })
  const setName = machine === undefined ? undefined : controllerOf(machine)?.name
  const set = setName === undefined ? undefined : await client.find(machineSets, { namespace, name: setName })
  const deploymentName = set === undefined ? undefined : controllerOf(set)?.name
  const deployment =
    deploymentName === undefined
      ? undefined
      : await client.find(machineDeployments, { namespace, name: deploymentName })
  const { items } = await client.list(events, { namespace })
  const owners = [setName, deploymentName].filter((one) => one !== undefined)
  const concerns = ({ regarding, note = '' }: Event) => {
    if (regarding?.kind === 'Machine') return regarding.name === name
    if (regarding?.kind !== 'MachineSet' && regarding?.kind !== 'MachineDeployment') return false
    return owners.includes(regarding.name ?? '') || mentions(note, name)
  }
  const found = items.filter(concerns).sort((left, right) => happenedAt(left) - happenedAt(right))
  if (machine === undefined && !found.some((event) => mentionsMachine(event, name))) {
    throw new Failure('NotFound', `there is no machine ${name} in namespace ${namespace}, and no event about one`, {
      remedy: 'kubectl get machines -A shows those that there are; name the namespace with -n',
    })
  }
  return { name, namespace, machine, set, deployment, events: found }
}

/** When an event first happened, in milliseconds. */
export function happenedAt(event: Event): number {
  const text = event.eventTime ?? event.deprecatedFirstTimestamp ?? event.metadata.creationTimestamp
  return Date.parse(text ?? '') || 0
}

/** Whether an event is about this machine, by kind or by name. */
export function mentionsMachine({ regarding, note = '' }: Event, name: string): boolean {
  return (regarding?.kind === 'Machine' && regarding.name === name) || mentions(note, name)
}

/** Whether a text names a machine; names may be the beginning of others. */
export function mentions(text: string, name: string): boolean {
  const at = text.indexOf(name)
  return at !== -1 && !/[\w-]/.test(text[at + name.length] ?? ' ') && !/[\w-]/.test(text[at - 1] ?? ' ')
}
