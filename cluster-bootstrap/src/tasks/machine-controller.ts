import type { Task } from '@trellis/flow/task'
import { secretsSummary } from './secrets.ts'
import { briefly, type ShootServices } from './services.ts'

/** Installs the machine controller into the control namespace. It does not wait for the API server of the shoot. */
export const machineController: Task<ShootServices> = {
  id: 'machine-controller',
  dependsOn: ['secrets', 'cloud-credentials'],
  consumes: [secretsSummary],
  retry: briefly,
  run: async ({ services, read, signal }) => {
    const { helm, seed, seedKubeconfig, blueprint, images, cloud } = services
    await helm.install(
      { client: seed, kubeconfig: seedKubeconfig },
      {
        name: 'machine-controller-manager',
        chart: 'machine-controller-manager',
        namespace: blueprint.technicalId,
        values: {
          images: { 'machine-controller-manager': images.mcm },
          secretsChecksum: read(secretsSummary).checksum,
          provider: cloud.machineProvider,
          endpoints: cloud.endpoints(blueprint.providerConfig),
        },
      },
      signal,
    )
  },
}
