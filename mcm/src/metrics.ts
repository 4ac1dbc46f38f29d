import type { Machine } from '@trellis/api/machine/machine'
import type { MachineDeployment } from '@trellis/api/machine/machine-deployment'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import type { KubernetesObject } from '@trellis/api/meta'
import type { Informer } from '@trellis/kubernetes/informer'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { MachineTimes } from './machine/context.ts'
import { phaseOf } from './machine/phase.ts'

/** What is counted when metrics are read. */
export interface MetricSources {
  readonly machines: Informer<Machine>
  readonly sets: Informer<MachineSet>
  readonly deployments: Informer<MachineDeployment>
}

/** Phases as the numbers that dashboards know. */
const phaseNumbers: Readonly<Record<string, number>> = {
  Terminating: -4,
  Failed: -3,
  CrashLoopBackOff: -2,
  Unknown: -1,
  Pending: 0,
  Running: 1,
}

type Labels = Readonly<Record<string, string>>
type Sample = readonly [Labels, number]

/** Registers gauges that count the informers' objects whenever metrics are read; nothing is kept between readings, so nothing can go stale. */
export function registerObjectMetrics(registry: Registry, sources: MetricSources): void {
  const gauge = (name: string, help: string, labelNames: readonly string[], samples: () => readonly Sample[]) => {
    new Gauge({
      name: `mcm_${name}`,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      collect() {
        this.reset()
        for (const [labels, value] of samples()) this.set({ ...labels }, value)
      },
    })
  }
  machineMetrics(gauge, () => sources.machines.list())
  setMetrics(gauge, () => sources.sets.list())
  deploymentMetrics(gauge, () => sources.deployments.list())
  gauge('machine_controller_frozen', 'Whether machines are left alone because the API server is down.', [], () => [
    [{}, 0],
  ])
}

type RegisterGauge = (
  name: string,
  help: string,
  labelNames: readonly string[],
  samples: () => readonly Sample[],
) => void

const named = ['name', 'namespace']

function nameOf({ metadata }: KubernetesObject): Labels {
  return { name: metadata.name, namespace: metadata.namespace ?? '' }
}

function machineMetrics(gauge: RegisterGauge, list: () => readonly Machine[]): void {
  gauge('machine_items_total', 'Machines.', [], () => [[{}, list().length]])
  gauge('machine_current_status_phase', 'Phase of each machine as a number.', named, () =>
    list().map((machine) => [nameOf(machine), phaseNumbers[phaseOf(machine)] ?? 0]),
  )
  gauge(
    'machine_info',
    'Machines by class and node.',
    [...named, 'createdAt', 'spec_provider_id', 'spec_class_name', 'spec_class_api_group', 'spec_class_kind'],
    () =>
      list().map((machine) => [
        {
          ...nameOf(machine),
          createdAt: machine.metadata.creationTimestamp ?? '',
          spec_provider_id: machine.spec?.providerID ?? '',
          spec_class_name: machine.spec?.class?.name ?? '',
          spec_class_api_group: machine.spec?.class?.apiGroup ?? '',
          spec_class_kind: machine.spec?.class?.kind ?? '',
        },
        1,
      ]),
  )
  gauge(
    'machine_status_condition',
    'Conditions of machines: 1 True, 0 False, 2 Unknown.',
    [...named, 'condition'],
    () => list().flatMap((machine) => conditionSamples(machine, machine.status?.conditions)),
  )
}

function setMetrics(gauge: RegisterGauge, list: () => readonly MachineSet[]): void {
  const count = (name: string, help: string, value: (set: MachineSet) => number | undefined) =>
    gauge(`machine_set_${name}`, help, named, () => list().map((set) => [nameOf(set), value(set) ?? 0]))
  gauge('machine_set_items_total', 'Machine sets.', [], () => [[{}, list().length]])
  count('info', 'Machine sets.', () => 1)
  count('info_spec_replicas', 'Wanted machines.', ({ spec }) => spec?.replicas)
  count('info_spec_min_ready_seconds', 'Minimum time of readiness.', ({ spec }) => spec?.minReadySeconds)
  count('status_replicas', 'Machines.', ({ status }) => status?.replicas)
  count('status_ready_replicas', 'Ready machines.', ({ status }) => status?.readyReplicas)
  count('status_available_replicas', 'Available machines.', ({ status }) => status?.availableReplicas)
  count('status_fully_labelled_replicas', 'Machines with all labels.', ({ status }) => status?.fullyLabeledReplicas)
  count('failed_machines', 'Machines whose last operation failed.', ({ status }) => status?.failedMachines?.length)
  gauge('machine_set_status_condition', 'Conditions: 1 True, 0 False, 2 Unknown.', [...named, 'condition'], () =>
    list().flatMap((set) => conditionSamples(set, set.status?.machineSetCondition)),
  )
}

function deploymentMetrics(gauge: RegisterGauge, list: () => readonly MachineDeployment[]): void {
  const count = (name: string, help: string, value: (deployment: MachineDeployment) => number | undefined) =>
    gauge(`machine_deployment_${name}`, help, named, () => list().map((one) => [nameOf(one), value(one) ?? 0]))
  gauge('machine_deployment_items_total', 'Machine deployments.', [], () => [[{}, list().length]])
  count('info', 'Machine deployments.', () => 1)
  count('info_spec_paused', 'Whether rollouts are paused.', ({ spec }) => (spec?.paused ? 1 : 0))
  count('info_spec_replicas', 'Wanted machines.', ({ spec }) => spec?.replicas)
  count('info_spec_min_ready_seconds', 'Minimum time of readiness.', ({ spec }) => spec?.minReadySeconds)
  count('info_spec_revision_history_limit', 'Old sets kept.', ({ spec }) => spec?.revisionHistoryLimit)
  count('info_spec_progress_deadline_seconds', 'Deadline of progress.', ({ spec }) => spec?.progressDeadlineSeconds)
  count('info_spec_rollback_to_revision', 'Revision to go back to.', ({ spec }) => spec?.rollbackTo?.revision)
  count('info_spec_rolling_update_max_surge', 'Surge, if it is a number.', ({ spec }) =>
    plain(spec?.strategy?.rollingUpdate?.maxSurge),
  )
  count('info_spec_rolling_update_max_unavailable', 'Unavailable, if it is a number.', ({ spec }) =>
    plain(spec?.strategy?.rollingUpdate?.maxUnavailable),
  )
  count('status_replicas', 'Machines.', ({ status }) => status?.replicas)
  count('status_available_replicas', 'Available machines.', ({ status }) => status?.availableReplicas)
  count('status_unavailable_replicas', 'Missing machines.', ({ status }) => status?.unavailableReplicas)
  count('status_ready_replicas', 'Ready machines.', ({ status }) => status?.readyReplicas)
  count('status_updated_replicas', 'Machines of the present template.', ({ status }) => status?.updatedReplicas)
  count('status_collision_count', 'Names that were taken.', ({ status }) => status?.collisionCount)
  count('failed_machines', 'Machines whose last operation failed.', ({ status }) => status?.failedMachines?.length)
  gauge('machine_deployment_status_condition', 'Conditions: 1 True, 0 False, 2 Unknown.', [...named, 'condition'], () =>
    list().flatMap((deployment) => conditionSamples(deployment, deployment.status?.conditions)),
  )
}

function conditionSamples(
  object: KubernetesObject,
  conditions: readonly { readonly type: string; readonly status: string }[] = [],
): readonly Sample[] {
  const numbers: Readonly<Record<string, number>> = { True: 1, False: 0 }
  return conditions.map(({ type, status }) => [{ ...nameOf(object), condition: type }, numbers[status] ?? 2])
}

function plain(value: number | string | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined
}

/** Registers histograms of the moments in machines' lives. */
export function createMachineTimes(registry: Registry): MachineTimes {
  const buckets = [0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600]
  const histogram = (what: string) =>
    new Histogram({
      name: `mcm_machine_${what}_duration_seconds`,
      help: `Time until ${what}.`,
      buckets,
      registers: [registry],
    })
  const [create, join, drain, remove] = [
    histogram('create'),
    histogram('join'),
    histogram('drain'),
    histogram('delete'),
  ]
  const failed = new Counter({
    name: 'mcm_machine_num_failed_join',
    help: 'Machines that did not join in time.',
    registers: [registry],
  })
  return {
    created: (_, milliseconds) => create?.observe(milliseconds / 1000),
    joined: (_, milliseconds) => join?.observe(milliseconds / 1000),
    drained: (_, milliseconds) => drain?.observe(milliseconds / 1000),
    deleted: (_, milliseconds) => remove?.observe(milliseconds / 1000),
    failedToJoin: () => failed.inc(),
  }
}
