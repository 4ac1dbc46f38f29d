import type { Machine } from '@trellis/api/machine/machine'
import { machineLabels } from '@trellis/api/machine/well-known'
import { Counter, type Registry } from 'prom-client'
import type { MachineTimes } from '../machine/context.ts'
import type { Labels, RegisterGauge, Sample } from './gauges.ts'

/** Where moments of machines are told apart. */
export interface PlaceLookup {
  /** Instance type of a machine class; undefined when it does not say. */
  instanceType(className: string): string | undefined
  /** Whether there is such a deployment: what was measured of others is forgotten. */
  hasDeployment(namespace: string, name: string): boolean
}

const zoneLabel = 'topology.kubernetes.io/zone'
const ofDeployment = ['namespace', 'machine_deployment'] as const
const ofPlace = [...ofDeployment, 'instance_type', 'zone'] as const

/** Registers how long the latest machine of each deployment, instance type and zone took for the moments of its life. */
export function createMachineTimes(registry: Registry, gauge: RegisterGauge, lookup: PlaceLookup): MachineTimes {
  const latest = (moment: string, labelNames: readonly string[]) => {
    const seen = new Map<string, Sample>()
    gauge({
      name: `machine_${moment}_duration_seconds`,
      help: `Seconds that the latest machine took to ${moment}.`,
      labelNames,
      samples: () => {
        for (const [key, [labels]] of seen) {
          if (!lookup.hasDeployment(labels.namespace ?? '', labels.machine_deployment ?? '')) seen.delete(key)
        }
        return seen.values()
      },
    })
    return (machine: Machine, milliseconds: number) => {
      const labels = labelsOf(machine, lookup, labelNames)
      if (labels !== undefined) seen.set(JSON.stringify(labels), [labels, milliseconds / 1000])
    }
  }
  const failed = new Counter({
    name: 'mcm_machine_num_failed_join',
    help: 'Machines that did not join in time.',
    labelNames: [...ofPlace],
    registers: [registry],
  })
  const stale = new Counter({
    name: 'mcm_machine_stale_machines_total',
    help: 'Failed machines that were deleted to be replaced.',
    registers: [registry],
  })
  return {
    created: latest('create', ofPlace),
    initialized: latest('initialize', ofPlace),
    joined: latest('join', ofPlace),
    drained: latest('drain', ofDeployment),
    deleted: latest('delete', ofPlace),
    failedToJoin: (machine) => failed.inc({ ...placeOf(machine, lookup) }),
    stale: () => stale.inc(),
  }
}

function labelsOf(machine: Machine, lookup: PlaceLookup, names: readonly string[]): Labels | undefined {
  const place = placeOf(machine, lookup)
  if (place.machine_deployment === '') return undefined
  return Object.fromEntries(names.map((name) => [name, place[name] ?? '']))
}

function placeOf({ metadata, spec }: Machine, lookup: PlaceLookup): Labels {
  return {
    namespace: metadata.namespace ?? '',
    machine_deployment: metadata.labels?.[machineLabels.deploymentName] ?? '',
    instance_type: lookup.instanceType(spec?.class?.name ?? '') ?? '',
    zone: spec?.nodeTemplate?.metadata?.labels?.[zoneLabel] ?? '',
  }
}
