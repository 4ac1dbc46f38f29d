import { type Static, Type } from 'typebox'
import { ageColumn, type CustomResource } from '../custom-resource.ts'
import type { Resource } from '../meta.ts'
import {
  choice,
  complete,
  flag,
  instant,
  list,
  objectFields,
  optional,
  quantity,
  raw,
  text,
  textMap,
} from '../schema-parts.ts'
import { gardenGroup, gardenVersion } from './common.ts'

const versionFields = () => ({
  version: text('The version.'),
  classification: optional(
    choice('How far it is supported.', ['preview', 'supported', 'deprecated', 'expired', 'unavailable']),
  ),
  expirationDate: optional(instant('From when on new clusters may not use it.')),
})

/** A size of machines. */
const machineTypeSchema = complete('A size of machines.', {
  name: text('Name of the type at the cloud.'),
  cpu: quantity('Processor cores.'),
  memory: quantity('Memory.'),
  gpu: quantity('Graphics processors.'),
  architecture: optional(text('Architecture of the processor; amd64 when absent.')),
  usable: optional(flag('Whether new pools may use it; true when absent.')),
})

/** An image of machines. */
const machineImageSchema = complete('A machine image.', {
  name: text('Name of the image.'),
  versions: list(
    'Its versions.',
    complete('A version of the image.', {
      ...versionFields(),
      architectures: optional(list('Architectures that it runs on; amd64 when absent.', Type.String())),
    }),
  ),
})

/** Schema of a CloudProfile. */
export const cloudProfileSchema = complete('What one cloud offers.', {
  ...objectFields,
  spec: complete('What the cloud offers.', {
    type: text('Name of the cloud, as in local.'),
    kubernetes: complete('Versions of Kubernetes.', {
      versions: list('Versions that clusters may run.', complete('A version.', versionFields())),
    }),
    machineImages: list('Machine images.', machineImageSchema),
    machineTypes: list('Sizes of machines.', machineTypeSchema),
    regions: list(
      'Regions.',
      complete('A region.', {
        name: text('Name of the region.'),
        zones: optional(list('Zones of the region.', complete('A zone.', { name: text('Name of the zone.') }))),
        labels: optional(textMap('Labels of the region.')),
      }),
    ),
    volumeTypes: optional(
      list(
        'Types of volumes.',
        complete('A type of volumes.', {
          name: text('Name of the type.'),
          class: text('standard or premium.'),
          usable: optional(flag('Whether new pools may use it; true when absent.')),
        }),
      ),
    ),
    caBundle: optional(text('PEM of further authorities that machines trust.')),
    providerConfig: optional(raw("The cloud's own part.")),
  }),
})

/** What one cloud offers. */
export type CloudProfile = Static<typeof cloudProfileSchema>
export type MachineType = Static<typeof machineTypeSchema>
export type MachineImage = Static<typeof machineImageSchema>

/** Where cloud profiles are served. */
export const cloudProfiles: Resource<CloudProfile> = {
  group: gardenGroup,
  version: gardenVersion,
  kind: 'CloudProfile',
  plural: 'cloudprofiles',
  namespaced: false,
}

/** The definition of the kind CloudProfile. */
export const cloudProfileDefinition: CustomResource<CloudProfile> = {
  resource: cloudProfiles,
  singular: 'cloudprofile',
  shortNames: [],
  description: 'What one cloud offers: versions of Kubernetes, machine images and types, regions.',
  schema: cloudProfileSchema,
  status: false,
  columns: [{ name: 'Provider', type: 'string', jsonPath: '.spec.type', description: 'The cloud.' }, ageColumn],
}
