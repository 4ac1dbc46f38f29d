import type { FieldError } from '@trellis/api/validation/field-error'
import { clusterTagPrefix, roleTagPrefix } from '@trellis/cloudprovider/contract/tags'
import { createLocalInfrastructure } from '../infrastructure/local.ts'
import type { Blueprint } from '../shoot/blueprint.ts'
import type { MachinePlace, ShootCloud } from './cloud.ts'
import { pickKeys } from './credentials.ts'
import { need } from './outputs.ts'
import { checkNothing } from './settings.ts'

/** The embedded cloud: the seed's own, with the seed's credentials. */
export const localCloud: ShootCloud = {
  type: 'local',
  machineProvider: 'local',
  machineChart: 'machine-class-local',
  credentialsOf: 'seed',
  needsZones: false,
  serversGoWithNetwork: true,
  imagesBringAgent: true,
  cloudController: ({ technicalId }) => ({ network: technicalId }),
  validateProfile: ({ spec }) => checkNothing(spec.providerConfig, 'spec.providerConfig'),
  validateShoot,
  credentials: (secret) => pickKeys(secret, ['endpoint', 'token', 'caBundle']),
  identifiers: () => ({}),
  endpoints: () => ({}),
  infrastructureConfig: (configuration) => configuration,
  machines: ({ blueprint, pool, outputs }: MachinePlace) => ({
    providerSpec: {
      network: need(outputs, 'network'),
      image: pool.image.name,
      flavor: pool.machineType.name,
      tags: { [`${clusterTagPrefix}${blueprint.technicalId}`]: '1', [`${roleTagPrefix}node`]: '1' },
    },
    // As the driver names the server: the network's name, then what the server is told to be its identifier.
    providerId: `local:///${blueprint.technicalId}/{instanceId}`,
  }),
  connect: async ({ clock, seedCloud }) => {
    const { createLocalDriver } = await import('@trellis/cloudprovider/local/driver')
    return {
      engine: createLocalInfrastructure({ clock, cloud: seedCloud }),
      driver: createLocalDriver({ connect: () => seedCloud }),
      // The client is the process's own.
      [Symbol.dispose]: () => {},
    }
  },
}

function validateShoot({ shoot }: Blueprint): FieldError[] {
  const { infrastructureConfig, controlPlaneConfig, workers } = shoot.spec.provider
  return [
    ...checkNothing(infrastructureConfig, 'spec.provider.infrastructureConfig'),
    ...checkNothing(controlPlaneConfig, 'spec.provider.controlPlaneConfig'),
    ...workers.flatMap(({ providerConfig, dataVolumes }, index) => [
      ...checkNothing(providerConfig, `spec.provider.workers[${index}].providerConfig`),
      ...checkNothing(dataVolumes, `spec.provider.workers[${index}].dataVolumes`),
    ]),
  ]
}
