import type { Task } from '@trellis/flow/task'
import { machineValues } from '../shoot/machine-values.ts'
import { poolMachines } from '../shoot/pool-machines.ts'
import { presentReplicas } from '../shoot/replicas.ts'
import { frontDoorAddress } from './front-door.ts'
import { infrastructureOutputs } from './infrastructure.ts'
import { secretsSummary } from './secrets.ts'
import { briefly, type ShootServices } from './services.ts'

/**
 * Asks for the machines of every worker pool. The address, the authority and the tokens are known before the API server runs, so machines boot
 * beside it; their kubelets try until it answers.
 */
export const machines: Task<ShootServices> = {
  id: 'machines',
  dependsOn: ['secrets', 'infrastructure', 'cloud-credentials'],
  consumes: [frontDoorAddress, secretsSummary, infrastructureOutputs],
  retry: briefly,
  run: async ({ services, read, signal }) => {
    const { helm, seed, seedKubeconfig, blueprint, images, cloud, agent } = services
    const pools = poolMachines(blueprint, {
      cloud,
      outputs: read(infrastructureOutputs),
      replicas: await presentReplicas(seed, blueprint.technicalId),
      userData: {
        frontDoor: read(frontDoorAddress),
        certificateAuthority: read(secretsSummary).certificateAuthority,
        images,
        agent: cloud.imagesBringAgent ? undefined : agent,
      },
    })
    await helm.install(
      { client: seed, kubeconfig: seedKubeconfig },
      {
        name: 'machines',
        chart: cloud.machineChart,
        namespace: blueprint.technicalId,
        values: machineValues(blueprint, pools),
      },
      signal,
    )
  },
}
