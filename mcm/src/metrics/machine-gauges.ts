import type { Machine } from '@trellis/api/machine/machine'
import { machineLabels } from '@trellis/api/machine/well-known'
import { phaseOf } from '../machine/phase.ts'
import { conditionSamples, createdAtLabel, named, nameOf, type RegisterGauge } from './gauges.ts'

/** Phases as the numbers that dashboards know. */
const phaseNumbers: Readonly<Record<string, number>> = {
  Terminating: -4,
  Failed: -3,
  CrashLoopBackOff: -2,
  Unknown: -1,
  Pending: 0,
  Running: 1,
}

/** Registers the gauges of machines. */
export function registerMachineGauges(gauge: RegisterGauge, list: () => readonly Machine[]): void {
  gauge({ name: 'machine_items_total', help: 'Machines.', labelNames: [], samples: () => [[{}, list().length]] })
  gauge({
    name: 'machine_current_status_phase',
    help: 'Phase of each machine as a number.',
    labelNames: named,
    samples: () => list().map((machine) => [nameOf(machine), phaseNumbers[phaseOf(machine)] ?? 0]),
  })
  gauge({
    name: 'machine_info',
    help: 'Machines by class and node.',
    labelNames: [
      ...named,
      'createdAt',
      'spec_provider_id',
      'spec_class_api_group',
      'spec_class_kind',
      'spec_class_name',
      'node_name',
    ],
    samples: () => list().map((machine) => [infoOf(machine), 1]),
  })
  gauge({
    name: 'machine_status_condition',
    help: 'Conditions of machines: 1 True, 0 False, 2 Unknown.',
    labelNames: [...named, 'condition'],
    samples: () => list().flatMap((machine) => conditionSamples(machine, machine.status?.conditions)),
  })
}

function infoOf(machine: Machine) {
  const { class: reference, providerID } = machine.spec ?? {}
  return {
    ...nameOf(machine),
    createdAt: createdAtLabel(machine),
    spec_provider_id: providerID ?? '',
    spec_class_api_group: reference?.apiGroup ?? '',
    spec_class_kind: reference?.kind ?? '',
    spec_class_name: reference?.name ?? '',
    node_name: machine.metadata.labels?.[machineLabels.node] ?? '',
  }
}
