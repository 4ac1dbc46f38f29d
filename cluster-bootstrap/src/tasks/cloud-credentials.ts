import { secrets } from '@trellis/api/core/configuration'
import type { Task } from '@trellis/flow/task'
import { encodeSecret, secretLabels } from '../secrets/secret-store.ts'
import { briefly, type ShootServices } from './services.ts'

/** Puts the credentials for the cloud into the control namespace, for the machine controller and the cloud controller. */
export const cloudCredentials: Task<ShootServices> = {
  id: 'cloud-credentials',
  dependsOn: ['namespace'],
  retry: briefly,
  run: async ({ services: { seed, blueprint, cloudCredentials } }) => {
    const { endpoint, token, caBundle } = cloudCredentials
    await seed.apply(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'cloud-credentials', namespace: blueprint.technicalId, labels: { ...secretLabels } },
      type: 'Opaque',
      data: encodeSecret({ endpoint, token, caBundle }),
    })
  },
}
