import { defineOutput } from '@trellis/flow/output'
import type { Task } from '@trellis/flow/task'
import { createParser } from '@trellis/foundation/schema'
import { Type } from 'typebox'
import { ensureSecrets } from '../secrets/ensure-secrets.ts'
import { frontDoorAddress } from './front-door.ts'
import { briefly, type ShootServices } from './services.ts'

const schema = Type.Object({
  checksum: Type.String({ minLength: 1 }),
  certificateAuthority: Type.String({ minLength: 1 }),
})

/** What others need to know of the secrets; nothing in it is secret. */
export const secretsSummary = defineOutput('secrets', createParser(schema, 'output of secrets').parse)

/** Makes authorities, certificates, kubeconfigs and keys. The address of the front door stands in some of them. */
export const secrets: Task<ShootServices> = {
  id: 'secrets',
  dependsOn: ['front-door'],
  consumes: [frontDoorAddress],
  produces: secretsSummary,
  retry: briefly,
  run: async ({ services, read }) => ({
    ...(await ensureSecrets(services, services.blueprint, read(frontDoorAddress))),
  }),
}
