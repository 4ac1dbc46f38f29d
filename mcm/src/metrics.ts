import type { Machine } from '@trellis/api/machine/machine'
import type { MachineClass } from '@trellis/api/machine/machine-class'
import type { MachineDeployment } from '@trellis/api/machine/machine-deployment'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import type { Log } from '@trellis/foundation/log'
import type { Informer } from '@trellis/kubernetes/informer'
import type { Registry } from 'prom-client'
import type { MachineTimes } from './machine/context.ts'
import { createGaugeRegistrar } from './metrics/gauges.ts'
import { registerMachineGauges } from './metrics/machine-gauges.ts'
import { createMachineTimes } from './metrics/machine-times.ts'
import { registerDeploymentGauges, registerSetGauges } from './metrics/owner-gauges.ts'

/** What is counted when metrics are read. */
export interface MetricSources {
  readonly namespace: string
  readonly machines: Informer<Machine>
  readonly sets: Informer<MachineSet>
  readonly deployments: Informer<MachineDeployment>
  readonly classes: Informer<MachineClass>
  /** Whether machines are left alone because an API server is down. */
  readonly frozen: () => boolean
  /** Whether this process shows the objects that a controller works on; processes that share the work must not show one twice. */
  readonly shows: (name: 'machine' | 'machineset' | 'machinedeployment') => boolean
}

/** Registers every metric of the controllers under the names that dashboards know, and returns where moments of machines are told. */
export function registerMetrics(registry: Registry, sources: MetricSources, log: Log): MachineTimes {
  const { namespace, shows } = sources
  const gauge = createGaugeRegistrar(registry, log)
  if (shows('machine')) registerMachineGauges(gauge, () => sources.machines.list())
  if (shows('machineset')) registerSetGauges(gauge, () => sources.sets.list())
  if (shows('machinedeployment')) registerDeploymentGauges(gauge, () => sources.deployments.list())
  if (shows('machine')) {
    gauge({
      name: 'machine_controller_frozen',
      help: 'Whether machines are left alone because the API server is down.',
      labelNames: [],
      samples: () => [[{}, sources.frozen() ? 1 : 0]],
    })
  }
  return createMachineTimes(registry, gauge, {
    instanceType: (name) => sources.classes.get({ namespace, name })?.nodeTemplate?.instanceType,
    hasDeployment: (inNamespace, name) => sources.deployments.get({ namespace: inNamespace, name }) !== undefined,
  })
}
