import { clusterTagPrefix, roleTagPrefix } from '@trellis/cloudprovider/contract/tags'
import type { Blueprint, PoolBlueprint } from './blueprint.ts'
import { wantedReplicas } from './replicas.ts'
import { poolLabel } from './user-data.ts'

/** A pool with what is known only when its machines are asked for. */
export interface PoolMachines {
  readonly pool: PoolBlueprint
  readonly userData: string
  /** How many machines it has been asked for until now; undefined for a new pool. */
  readonly replicas: number | undefined
}

/** Values of the chart that describes the machines of all pools. */
export function machineValues(
  { technicalId, region }: Blueprint,
  network: string,
  pools: readonly PoolMachines[],
): Readonly<Record<string, unknown>> {
  return {
    credentialsSecret: 'cloud-credentials',
    pools: pools.map(({ pool, userData, replicas }) => {
      const { worker, machineType } = pool
      return {
        name: pool.machineDeployment,
        replicas: wantedReplicas(worker, replicas),
        maxSurge: worker.maxSurge,
        maxUnavailable: worker.maxUnavailable,
        userData,
        region,
        zone: worker.zones?.[0] ?? region,
        instanceType: machineType.name,
        architecture: worker.machine.architecture,
        capacity: { cpu: machineType.cpu, memory: machineType.memory, gpu: machineType.gpu },
        providerSpec: {
          network,
          image: pool.image,
          flavor: machineType.name,
          tags: { [`${clusterTagPrefix}${technicalId}`]: '1', [`${roleTagPrefix}node`]: '1' },
        },
        labels: { ...worker.labels, [poolLabel]: worker.name },
        annotations: worker.annotations ?? {},
        taints: worker.taints ?? [],
        machineControllerManager: worker.machineControllerManager ?? {},
      }
    }),
  }
}
