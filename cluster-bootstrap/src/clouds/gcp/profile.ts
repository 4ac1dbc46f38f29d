import type { CloudProfile } from '@trellis/api/garden/cloud-profile'
import { optional, text } from '@trellis/api/schema-parts'
import { type FieldError, fieldError } from '@trellis/api/validation/field-error'
import type { Static } from 'typebox'
import type { PoolBlueprint } from '../../shoot/blueprint.ts'
import { unexplainedImages } from '../images.ts'
import { mappedImages, ownPart } from '../parts.ts'
import { createSettingsCheck } from '../settings.ts'

const schema = ownPart('What a CloudProfile says about GCP.', {
  machineImages: mappedImages({
    image: text('Resource of the image, as in projects/<project>/global/images/<image>.', { minLength: 1 }),
    architecture: optional(text('Architecture that it runs on; amd64 when absent.')),
  }),
})

/** What a CloudProfile says about GCP. */
export type GcpProfile = Static<typeof schema>

const check = createSettingsCheck(schema)

/** What is wrong with `spec.providerConfig` of a profile. */
export function validateGcpProfile(cloudProfile: CloudProfile): FieldError[] {
  const { providerConfig } = cloudProfile.spec
  if (providerConfig === undefined) return [fieldError('spec.providerConfig', 'is required')]
  const errors = check(providerConfig, 'spec.providerConfig')
  return errors.length > 0 ? errors : unexplainedImages(cloudProfile, gcpProfile(providerConfig).machineImages)
}

/** A profile's part that has passed validation. */
export function gcpProfile(providerConfig: unknown): GcpProfile {
  return providerConfig as GcpProfile
}

/** The image of a pool, of which a version may be there for several architectures; undefined when the profile names none. */
export function findDiskImage({ machineImages }: GcpProfile, { image, worker }: PoolBlueprint): string | undefined {
  return machineImages
    .find(({ name }) => name === image.name)
    ?.versions.find(
      (one) => one.version === image.version && (one.architecture ?? 'amd64') === worker.machine.architecture,
    )?.image
}
