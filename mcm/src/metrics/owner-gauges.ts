import type { MachineSummary } from '@trellis/api/machine/common'
import type { MachineDeployment } from '@trellis/api/machine/machine-deployment'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import type { KubernetesObject } from '@trellis/api/meta'
import { boundsOf } from '../machine-deployment/bounds.ts'
import { conditionSamples, createdAtLabel, named, nameOf, type RegisterGauge, type Sample } from './gauges.ts'

/** Registers the gauges of machine sets. */
export function registerSetGauges(gauge: RegisterGauge, list: () => readonly MachineSet[]): void {
  const count = counter(gauge, 'machine_set', list)
  total(gauge, 'machine_set', 'Machine sets.', list)
  count('info_spec_replicas', 'Wanted machines.', ({ spec }) => spec?.replicas ?? 0)
  count('info_spec_min_ready_seconds', 'Minimum time of readiness.', ({ spec }) => spec?.minReadySeconds ?? 0)
  count('status_replicas', 'Machines.', ({ status }) => status?.replicas ?? 0)
  count('status_ready_replicas', 'Ready machines.', ({ status }) => status?.readyReplicas ?? 0)
  count('status_available_replicas', 'Available machines.', ({ status }) => status?.availableReplicas ?? 0)
  count('status_fully_labelled_replicas', 'Fully labelled.', ({ status }) => status?.fullyLabeledReplicas ?? 0)
  gauge({
    name: 'machine_set_info',
    help: 'Machine sets.',
    labelNames: [
      ...named,
      'createdAt',
      'spec_machine_class_api_group',
      'spec_machine_class_kind',
      'spec_machine_class_name',
    ],
    samples: () => list().map((set) => [setInfoOf(set), 1]),
  })
  conditions(gauge, 'machine_set', () => list().map((set) => [set, set.status?.machineSetCondition]))
  failures(gauge, 'machine_set', () => list().map((set) => [set, set.status?.failedMachines]))
}

/** Registers the gauges of machine deployments. Fields that are not set have no sample. */
export function registerDeploymentGauges(gauge: RegisterGauge, list: () => readonly MachineDeployment[]): void {
  const count = counter(gauge, 'machine_deployment', list)
  total(gauge, 'machine_deployment', 'Machine deployments.', list)
  count('info_spec_paused', 'Whether rollouts are paused.', ({ spec }) => (spec?.paused ? 1 : 0))
  count('info_spec_replicas', 'Wanted machines.', ({ spec }) => spec?.replicas ?? 0)
  count('info_spec_min_ready_seconds', 'Minimum time of readiness.', ({ spec }) => spec?.minReadySeconds ?? 0)
  count('info_spec_revision_history_limit', 'Old sets kept.', ({ spec }) => spec?.revisionHistoryLimit)
  count('info_spec_progress_deadline_seconds', 'Deadline of progress.', ({ spec }) => spec?.progressDeadlineSeconds)
  count('info_spec_rollback_to_revision', 'Revision to go back to.', ({ spec }) => spec?.rollbackTo?.revision)
  count('info_spec_rolling_update_max_surge', 'Machines beyond the wanted number.', (one) =>
    rolls(one) ? boundsOf(one).maxSurge : undefined,
  )
  count('info_spec_rolling_update_max_unavailable', 'Machines that may be missing.', (one) =>
    rolls(one) ? boundsOf(one).maxUnavailable : undefined,
  )
  count('status_replicas', 'Machines.', ({ status }) => status?.replicas ?? 0)
  count('status_available_replicas', 'Available machines.', ({ status }) => status?.availableReplicas ?? 0)
  count('status_unavailable_replicas', 'Missing machines.', ({ status }) => status?.unavailableReplicas ?? 0)
  count('status_ready_replicas', 'Ready machines.', ({ status }) => status?.readyReplicas ?? 0)
  count('status_updated_replicas', 'Machines of the present template.', ({ status }) => status?.updatedReplicas ?? 0)
  count('status_collision_count', 'Names that were taken.', ({ status }) => status?.collisionCount)
  gauge({
    name: 'machine_deployment_info',
    help: 'Machine deployments.',
    labelNames: [...named, 'createdAt', 'spec_strategy_type'],
    samples: () => list().map((one) => [deploymentInfoOf(one), 1]),
  })
  conditions(gauge, 'machine_deployment', () => list().map((one) => [one, one.status?.conditions]))
  failures(gauge, 'machine_deployment', () => list().map((one) => [one, one.status?.failedMachines]))
}

function rolls({ spec }: MachineDeployment): boolean {
  return (spec?.strategy?.type ?? 'RollingUpdate') === 'RollingUpdate'
}

function total(gauge: RegisterGauge, kind: string, help: string, list: () => readonly KubernetesObject[]): void {
  gauge({ name: `${kind}_items_total`, help, labelNames: [], samples: () => [[{}, list().length]] })
}

function counter<Kind extends KubernetesObject>(gauge: RegisterGauge, kind: string, list: () => readonly Kind[]) {
  return (name: string, help: string, value: (object: Kind) => number | undefined) =>
    gauge({
      name: `${kind}_${name}`,
      help,
      labelNames: named,
      samples: () =>
        list().flatMap((object): readonly Sample[] => {
          const number = value(object)
          return number === undefined ? [] : [[nameOf(object), number]]
        }),
    })
}

type Conditions = readonly { readonly type: string; readonly status: string }[] | undefined

function conditions(
  gauge: RegisterGauge,
  kind: string,
  list: () => readonly (readonly [KubernetesObject, Conditions])[],
): void {
  gauge({
    name: `${kind}_status_condition`,
    help: 'Conditions: 1 True, 0 False, 2 Unknown.',
    labelNames: [...named, 'condition'],
    samples: () => list().flatMap(([object, of]) => conditionSamples(object, of)),
  })
}

/** One sample for each machine whose last operation failed, as long as its owner names it. */
function failures(
  gauge: RegisterGauge,
  kind: string,
  list: () => readonly (readonly [KubernetesObject, readonly MachineSummary[] | undefined])[],
): void {
  gauge({
    name: `${kind}_failed_machines`,
    help: 'Machines whose last operation failed.',
    labelNames: [
      ...named,
      'failed_machine_name',
      'failed_machine_provider_id',
      'failed_machine_owner_ref',
      'failed_machine_last_operation_state',
      'failed_machine_last_operation_machine_operation_type',
    ],
    samples: () => list().flatMap(([object, failed = []]) => failed.map((one): Sample => [failureOf(object, one), 1])),
  })
}

function failureOf(object: KubernetesObject, { name, providerID, ownerRef, lastOperation }: MachineSummary) {
  return {
    ...nameOf(object),
    failed_machine_name: name ?? '',
    failed_machine_provider_id: providerID ?? '',
    failed_machine_owner_ref: ownerRef ?? '',
    failed_machine_last_operation_state: lastOperation?.state ?? '',
    failed_machine_last_operation_machine_operation_type: lastOperation?.type ?? '',
  }
}

function setInfoOf(set: MachineSet) {
  const { machineClass = set.spec?.template?.spec?.class } = set.spec ?? {}
  return {
    ...nameOf(set),
    createdAt: createdAtLabel(set),
    spec_machine_class_api_group: machineClass?.apiGroup ?? '',
    spec_machine_class_kind: machineClass?.kind ?? '',
    spec_machine_class_name: machineClass?.name ?? '',
  }
}

function deploymentInfoOf(deployment: MachineDeployment) {
  return {
    ...nameOf(deployment),
    createdAt: createdAtLabel(deployment),
    spec_strategy_type: deployment.spec?.strategy?.type ?? 'RollingUpdate',
  }
}
