import { secrets } from '@trellis/api/core/configuration'
import type { Task } from '@trellis/flow/task'
import { encodeSecret, secretLabels } from '../secrets/secret-store.ts'
import { briefly, type ShootServices } from './services.ts'

/** Name of the Secret in each control namespace by which its controllers reach the cloud. */
export const cloudCredentialsName = 'cloud-credentials'

/** Puts the credentials for the cloud into the control namespace, for the machine controller and the cloud controller. */
export const cloudCredentials: Task<ShootServices> = {
  id: 'cloud-credentials',
  dependsOn: ['namespace'],
  retry: briefly,
  run: async ({ services: { seed, blueprint, infrastructure } }) => {
    const data = await infrastructure.credentials()
    await seed.apply(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: cloudCredentialsName, namespace: blueprint.technicalId, labels: { ...secretLabels } },
      type: 'Opaque',
      data: encodeSecret(data),
    })
  },
}
