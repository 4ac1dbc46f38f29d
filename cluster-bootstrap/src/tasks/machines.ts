import type { Task } from '@trellis/flow/task'
import { machineValues } from '../shoot/machine-values.ts'
import { presentReplicas } from '../shoot/replicas.ts'
import { poolUserData } from '../shoot/user-data.ts'
import { frontDoorAddress } from './front-door.ts'
import { infrastructureState } from './infrastructure.ts'
import { secretsSummary } from './secrets.ts'
import { briefly, type ShootServices } from './services.ts'

/**
 * Asks for the machines of every worker pool. The address, the authority and the tokens are known before the API server runs, so machines boot
 * beside it; their kubelets try until it answers.
 */
export const machines: Task<ShootServices> = {
  id: 'machines',
  dependsOn: ['secrets', 'infrastructure', 'cloud-credentials'],
  consumes: [frontDoorAddress, secretsSummary, infrastructureState],
  retry: briefly,
  run: async ({ services, read, signal }) => {
    const { helm, seed, seedKubeconfig, blueprint, images } = services
    const { network } = read(infrastructureState)
    const inputs = {
      frontDoor: read(frontDoorAddress),
      certificateAuthority: read(secretsSummary).certificateAuthority,
      images,
    }
    const replicas = await presentReplicas(seed, blueprint.technicalId)
    const pools = blueprint.pools.map((pool) => ({
      pool,
      userData: poolUserData(blueprint, pool, inputs),
      replicas: replicas.get(pool.machineDeployment),
    }))
    await helm.install(
      { client: seed, kubeconfig: seedKubeconfig },
      {
        name: 'machines',
        chart: 'machine-class-local',
        namespace: blueprint.technicalId,
        values: machineValues(blueprint, network, pools),
      },
      signal,
    )
  },
}
