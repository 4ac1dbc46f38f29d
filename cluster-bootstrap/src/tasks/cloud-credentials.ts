import { secrets } from '@trellis/api/core/configuration'
import { defineOutput } from '@trellis/flow/output'
import type { Task } from '@trellis/flow/task'
import { createParser } from '@trellis/foundation/schema'
import { Type } from 'typebox'
import { encodeSecret, secretLabels } from '../secrets/secret-store.ts'
import { briefly, type ShootServices } from './services.ts'

/** Name of the Secret in each control namespace by which its controllers reach the cloud. */
export const cloudCredentialsName = 'cloud-credentials'

const schema = Type.Object({ version: Type.String() })

/** Changes whenever the credentials in the control namespace do; tells nothing of them. */
export const credentialsVersion = defineOutput(
  'cloud-credentials',
  createParser(schema, 'output of cloud-credentials').parse,
)

/** Puts the credentials for the cloud into the control namespace, for the machine controller and the cloud controller. */
export const cloudCredentials: Task<ShootServices> = {
  id: 'cloud-credentials',
  dependsOn: ['namespace'],
  produces: credentialsVersion,
  retry: briefly,
  run: async ({ services: { seed, blueprint, infrastructure } }) => {
    const data = await infrastructure.credentials()
    const { metadata } = await seed.apply(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: cloudCredentialsName, namespace: blueprint.technicalId, labels: { ...secretLabels } },
      type: 'Opaque',
      data: encodeSecret(data),
    })
    return { version: metadata.resourceVersion ?? '' }
  },
}
