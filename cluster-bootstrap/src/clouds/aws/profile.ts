import type { CloudProfile } from '@trellis/api/garden/cloud-profile'
import { complete, list, optional, text } from '@trellis/api/schema-parts'
import { type FieldError, fieldError } from '@trellis/api/validation/field-error'
import type { Static } from 'typebox'
import type { PoolBlueprint } from '../../shoot/blueprint.ts'
import { findImage, unexplainedImages } from '../images.ts'
import { endpointFields, mappedImages, ownPart } from '../parts.ts'
import { createSettingsCheck } from '../settings.ts'

const schema = ownPart('What a CloudProfile says about AWS.', {
  machineImages: mappedImages({
    regions: list(
      'The image in each region.',
      complete('The image in a region.', {
        name: text('Name of the region.'),
        ami: text('Identifier of the image.', { minLength: 1 }),
        architecture: optional(text('Architecture that it runs on; amd64 when absent.')),
      }),
    ),
  }),
  endpoints: endpointFields(['ec2', 'iam', 'elasticloadbalancing']),
})

/** What a CloudProfile says about AWS. */
export type AwsProfile = Static<typeof schema>

const check = createSettingsCheck(schema)

/** What is wrong with `spec.providerConfig` of a profile. */
export function validateAwsProfile(cloudProfile: CloudProfile): FieldError[] {
  const { providerConfig } = cloudProfile.spec
  if (providerConfig === undefined) return [fieldError('spec.providerConfig', 'is required')]
  const errors = check(providerConfig, 'spec.providerConfig')
  return errors.length > 0 ? errors : unexplainedImages(cloudProfile, awsProfile(providerConfig).machineImages)
}

/** A profile's part that has passed validation. */
export function awsProfile(providerConfig: unknown): AwsProfile {
  return providerConfig as AwsProfile
}

/** The image of a pool in a region; undefined when the profile names none. */
export function findAmi({ machineImages }: AwsProfile, pool: PoolBlueprint, region: string): string | undefined {
  const { architecture } = pool.worker.machine
  return findImage(machineImages, pool)?.regions.find(
    (one) => one.name === region && (one.architecture ?? 'amd64') === architecture,
  )?.ami
}
