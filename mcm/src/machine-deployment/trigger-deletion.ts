import { instantText } from '@trellis/api/conditions'
import type { Machine } from '@trellis/api/machine/machine'
import type { MachineDeployment } from '@trellis/api/machine/machine-deployment'
import { machineAnnotations } from '@trellis/api/machine/well-known'
import { isLeaving, phaseOf } from '../machine/phase.ts'
import { deletionPriority } from '../machine-set/order.ts'

/** A machine that the autoscaler wants gone; older releases do not say since when. */
export interface ChosenMachine {
  readonly name: string
  readonly since: string | undefined
}

/** The machines that a deployment's annotation lists: `name~instant`, or `name` alone, separated by commas. */
export function chosenMachines({ metadata }: MachineDeployment): readonly ChosenMachine[] {
  const text = metadata.annotations?.[machineAnnotations.triggerDeletion] ?? ''
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
    .map((entry) => {
      const [name = '', since = ''] = entry.split('~').map((part) => part.trim())
      return { name, since: Number.isNaN(Date.parse(since)) ? undefined : since }
    })
}

/** One thing to do about the machines that the autoscaler chose. */
export type ChoiceAction =
  | { readonly kind: 'mark'; readonly machine: Machine; readonly patch: object }
  | { readonly kind: 'drop-choices'; readonly patch: object }

/** What a deployment is to do about the machines that the autoscaler chose. */
export interface ChoiceDecision {
  readonly actions: readonly ChoiceAction[]
  /** Names of machines that are to go first. */
  readonly chosen: ReadonlySet<string>
}

/**
 * Marks the listed machines for deletion, and takes those off the list that are gone, going, failed or none of the deployment's. A mark whose machine was
 * taken off the list again, before its set was told to act on it, is taken back.
 *
 * `find` returns a machine of the deployment by name, undefined only when the API server has none such.
 */
export function decideChoices(
  deployment: MachineDeployment,
  machines: readonly Machine[],
  find: (name: string) => Machine | undefined,
  now: number,
): ChoiceDecision {
  const listed = chosenMachines(deployment)
  const names = new Set(listed.map(({ name }) => name))
  const open = listed.filter(({ name }) => awaitsDeletion(find(name)))
  const marks = open.flatMap((choice) => markOf(choice, find(choice.name), now))
  const unmarks = machines.flatMap((machine) => (names.has(machine.metadata.name) ? [] : unmarkOf(deployment, machine)))
  return {
    chosen: new Set(open.map(({ name }) => name)),
    actions: [...marks, ...unmarks, ...(open.length === listed.length ? [] : [dropping(deployment, open)])],
  }
}

function awaitsDeletion(machine: Machine | undefined): boolean {
  return machine !== undefined && !isLeaving(machine) && !['Failed', 'Terminating'].includes(phaseOf(machine))
}

function markOf({ since }: ChosenMachine, machine: Machine | undefined, now: number): ChoiceAction[] {
  if (machine === undefined) return []
  const { priority, markedForDeletionTime } = machineAnnotations
  const present = machine.metadata.annotations ?? {}
  const at = since ?? present[markedForDeletionTime] ?? instantText(now)
  if (present[priority] === '1' && present[markedForDeletionTime] === at) return []
  return [
    { kind: 'mark', machine, patch: { metadata: { annotations: { [priority]: '1', [markedForDeletionTime]: at } } } },
  ]
}

/** Priorities that somebody else wrote carry no instant and are left alone. */
function unmarkOf({ metadata }: MachineDeployment, machine: Machine): ChoiceAction[] {
  const { priority, markedForDeletionTime, lastReplicaChangeByScalerTime } = machineAnnotations
  const at = machine.metadata.annotations?.[markedForDeletionTime]
  if (at === undefined || deletionPriority(machine) !== 1 || !awaitsDeletion(machine)) return []
  // The set is told already: its machines go at once, and so may this one.
  if (Date.parse(at) <= Date.parse(metadata.annotations?.[lastReplicaChangeByScalerTime] ?? '')) return []
  return [
    { kind: 'mark', machine, patch: { metadata: { annotations: { [priority]: '3', [markedForDeletionTime]: null } } } },
  ]
}

/** Guarded by the version: the autoscaler may add to the list at the same time. */
function dropping({ metadata }: MachineDeployment, open: readonly ChosenMachine[]): ChoiceAction {
  const text = open.map(({ name, since }) => (since === undefined ? name : `${name}~${since}`)).join(',')
  const annotations = { [machineAnnotations.triggerDeletion]: text === '' ? null : text }
  return { kind: 'drop-choices', patch: { metadata: { resourceVersion: metadata.resourceVersion, annotations } } }
}
