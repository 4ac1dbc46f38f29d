import type { ShootCloud } from '../clouds/cloud.ts'
import type { InfrastructureOutputs } from '../infrastructure/engine.ts'
import type { Blueprint, PoolBlueprint } from './blueprint.ts'
import type { PoolMachines } from './machine-values.ts'
import { poolUserData, type UserDataInputs } from './user-data.ts'
import type { ZoneBlueprint } from './zones.ts'

/** What the machines of all pools are made of. */
export interface MachineInputs {
  readonly cloud: ShootCloud
  readonly outputs: InfrastructureOutputs
  readonly userData: UserDataInputs
  /** How many machines each machine deployment has been asked for until now, by name. */
  readonly replicas: ReadonlyMap<string, number>
}

/** The machines of every pool in every zone of it. Pure. */
export function poolMachines(blueprint: Blueprint, inputs: MachineInputs): readonly PoolMachines[] {
  const { cloud, outputs, replicas } = inputs
  return blueprint.pools.flatMap((pool) =>
    pool.zones.map((zone) => {
      const { providerSpec, ...names } = cloud.machines({ blueprint, pool, zone, outputs })
      const place = { ...names, labels: cloud.needsZones ? placeLabels(blueprint, pool, zone) : {} }
      return {
        pool,
        zone,
        providerSpec,
        userData: poolUserData(blueprint, pool, place, inputs.userData),
        replicas: replicas.get(zone.machineDeployment),
      }
    }),
  )
}

/** By these labels pods are spread over zones and volumes are found; kubelets may give them to their own nodes. */
function placeLabels({ region }: Blueprint, { machineType }: PoolBlueprint, { zone }: ZoneBlueprint) {
  return {
    'node.kubernetes.io/instance-type': machineType.name,
    'topology.kubernetes.io/region': region,
    ...(zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone }),
  }
}
