import { instantText, removeCondition, setCondition } from '@trellis/api/conditions'
import type { MachineSummary } from '@trellis/api/machine/common'
import type { Machine } from '@trellis/api/machine/machine'
import type { MachineSet, MachineSetStatus } from '@trellis/api/machine/machine-set'
import { machineConditionReasons } from '@trellis/api/machine/well-known'
import { sameJson } from '../common/equality.ts'
import { controllerOf } from '../common/ownership.ts'
import { isLeaving, phaseOf } from '../machine/phase.ts'
import { isAvailable, minReadyMilliseconds } from './availability.ts'
import { autoPreservedCount, preservedFailedCount } from './preservation.ts'

/** What a status tells beside the machines. */
export interface SetRemarks {
  /** Why machines cannot be made or deleted just now. */
  readonly trouble?: SetTrouble | undefined
  /** Whether all machines that were made for it are among those counted. Until they are, the generation observed stays the one before: others rely on its count. */
  readonly counted: boolean
}

/** A set's status as its machines make it; undefined when it says so already. */
export function machineSetStatus(
  set: MachineSet,
  machines: readonly Machine[],
  { trouble, counted }: SetRemarks,
  now: number,
): MachineSetStatus | undefined {
  const { observedGeneration: observedBefore, ...before } = set.status ?? {}
  const observedGeneration = counted ? (set.metadata.generation ?? 0) : observedBefore
  const present = machines.filter((machine) => !isLeaving(machine))
  const labels = Object.entries(set.spec?.template?.metadata?.labels ?? {})
  const { type } = machineConditionReasons.replicaFailure
  const conditions =
    trouble === undefined
      ? removeCondition(before.machineSetCondition, type)
      : setCondition(before.machineSetCondition, { type, status: 'True', ...trouble }, now)
  const failed = failedMachines(present)
  const minReady = minReadyMilliseconds(set)
  const after: MachineSetStatus = {
    ...before,
    replicas: present.length,
    fullyLabeledReplicas: present.filter(({ metadata }) =>
      labels.every(([key, value]) => metadata.labels?.[key] === value),
    ).length,
    readyReplicas: present.filter((machine) => phaseOf(machine) === 'Running').length,
    availableReplicas: present.filter((machine) => isAvailable(machine, minReady, now)).length,
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
    ...(conditions.length === 0 && before.machineSetCondition === undefined ? {} : { machineSetCondition: conditions }),
    ...(failed.length === 0 && before.failedMachines === undefined ? {} : { failedMachines: failed }),
  }
  const preserved = preservationCounts(before, present)
  const lastOperation = operationOf(set, after, now)
  const full = { ...after, ...preserved, ...(lastOperation === undefined ? {} : { lastOperation }) }
  return sameJson(full, set.status) ? undefined : full
}

/** Sets that preserve nothing, and never did, say nothing of it. */
function preservationCounts(before: MachineSetStatus, present: readonly Machine[]): Partial<MachineSetStatus> {
  const preservedFailedReplicas = preservedFailedCount(present)
  const autoPreserveFailedMachineCount = autoPreservedCount(present)
  return {
    ...(preservedFailedReplicas === 0 && before.preservedFailedReplicas === undefined
      ? {}
      : { preservedFailedReplicas }),
    ...(autoPreserveFailedMachineCount === 0 && before.autoPreserveFailedMachineCount === undefined
      ? {}
      : { autoPreserveFailedMachineCount }),
  }
}

/** Why a set falls short. */
export interface SetTrouble {
  readonly reason: string
  readonly message: string
}

/** Machines whose last operation failed, as their owners report them; sorted by name. */
export function failedMachines(machines: readonly Machine[]): MachineSummary[] {
  return machines
    .filter((machine) => machine.status?.lastOperation?.state === 'Failed')
    .sort((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1))
    .map((machine) => {
      const owner = controllerOf(machine)?.name
      const providerID = machine.spec?.providerID
      const lastOperation = machine.status?.lastOperation
      return {
        name: machine.metadata.name,
        ...(lastOperation === undefined ? {} : { lastOperation }),
        ...(owner === undefined ? {} : { ownerRef: owner }),
        ...(providerID === undefined ? {} : { providerID }),
      }
    })
}

function operationOf(set: MachineSet, after: MachineSetStatus, now: number): MachineSetStatus['lastOperation'] {
  const before = set.status?.lastOperation
  const failed = (after.failedMachines ?? []).length > 0
  const complete = after.availableReplicas === (set.spec?.replicas ?? 0) && after.replicas === after.availableReplicas
  const state = failed ? 'Failed' : complete ? 'Successful' : 'Processing'
  const description = failed ? 'Some machines failed; see failedMachines' : 'The set follows its spec'
  if (before?.state === state && before.description === description) return before
  return { description, state, type: 'Update', lastUpdateTime: instantText(now) }
}
