import type { CloudMachines } from '../clouds/cloud.ts'
import type { Blueprint, PoolBlueprint } from './blueprint.ts'
import { wantedReplicas } from './replicas.ts'
import { poolLabel } from './user-data.ts'
import type { ZoneBlueprint } from './zones.ts'

/** The part of a pool in a zone with what is known only when its machines are asked for. */
export interface PoolMachines {
  readonly pool: PoolBlueprint
  readonly zone: ZoneBlueprint
  readonly providerSpec: CloudMachines['providerSpec']
  readonly userData: string
  /** How many machines it has been asked for until now; undefined for a new one. */
  readonly replicas: number | undefined
}

/** Values of the chart that describes the machines of all pools. */
export function machineValues(
  { region }: Blueprint,
  pools: readonly PoolMachines[],
): Readonly<Record<string, unknown>> {
  return {
    credentialsSecret: 'cloud-credentials',
    pools: pools.map(({ pool, zone, providerSpec, userData, replicas }) => {
      const { worker, machineType } = pool
      return {
        name: zone.machineDeployment,
        replicas: wantedReplicas(zone, replicas),
        maxSurge: zone.maxSurge,
        maxUnavailable: zone.maxUnavailable,
        userData,
        region,
        zone: zone.zone ?? region,
        instanceType: machineType.name,
        architecture: worker.machine.architecture,
        capacity: { cpu: machineType.cpu, memory: machineType.memory, gpu: machineType.gpu },
        providerSpec,
        labels: { ...worker.labels, [poolLabel]: worker.name },
        annotations: worker.annotations ?? {},
        taints: worker.taints ?? [],
        machineControllerManager: worker.machineControllerManager ?? {},
      }
    }),
  }
}
