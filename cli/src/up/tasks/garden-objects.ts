import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { namespaces, secrets } from '@trellis/api/core/configuration'
import { cloudProfiles } from '@trellis/api/garden/cloud-profile'
import { projects } from '@trellis/api/garden/project'
import { seeds } from '@trellis/api/garden/seed'
import type { Task } from '@trellis/flow/task'
import { garden } from '../../garden/garden.ts'
import {
  cloudCredentialsObject,
  cloudProfileObject,
  namespaceObject,
  projectObject,
  seedObject,
} from '../../garden/objects.ts'
import { paths, publicRange } from '../../installation.ts'
import type { UpServices } from '../services.ts'
import { partsOutput } from './parts.ts'

/** Gives the controllers their namespace and the way to the cloud. */
export const gardenSecrets: Task<UpServices> = {
  id: 'garden secrets',
  dependsOn: ['garden API'],
  run: async ({ services }) => {
    const client = await services.garden()
    const credentials = paths(services.installation).cloudCredentials
    const { endpoint } = await services.cloud.version()
    await client.apply(namespaces, namespaceObject(garden.namespace))
    await client.apply(
      secrets,
      cloudCredentialsObject(garden.namespace, {
        endpoint,
        token: (await readFile(join(credentials, 'token'), 'utf8')).trim(),
        caBundle: await readFile(join(credentials, 'ca.crt'), 'utf8'),
      }),
    )
  },
}

/** Tells the garden what the cloud offers, which seed there is and which project. */
export const gardenObjects: Task<UpServices> = {
  id: 'garden objects',
  dependsOn: ['controllers', 'parts'],
  consumes: [partsOutput],
  retry: { backoff: { firstMilliseconds: 250, longestMilliseconds: 1000 }, deadlineMilliseconds: 60_000 },
  run: async ({ services, read }) => {
    const client = await services.garden()
    await client.apply(cloudProfiles, cloudProfileObject(read(partsOutput).kubernetesVersion))
    await client.apply(seeds, seedObject(publicRange(services.installation)))
    await client.apply(projects, projectObject())
    await client.apply(namespaces, namespaceObject(garden.projectNamespace))
  },
}
