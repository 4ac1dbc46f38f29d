import type { CloudProfile } from '@trellis/api/garden/cloud-profile'
import { complete, flag, list, optional, partial, text } from '@trellis/api/schema-parts'
import { type FieldError, fieldError } from '@trellis/api/validation/field-error'
import { type Static, Type } from 'typebox'
import type { PoolBlueprint } from '../../shoot/blueprint.ts'
import { findImage, unexplainedImages } from '../images.ts'
import { mappedImages, ownPart } from '../parts.ts'
import { createSettingsCheck } from '../settings.ts'

const address = (description: string) => text(description, { pattern: '^https?://[^\\s]+$' })

const schema = ownPart('What a CloudProfile says about an OpenStack cloud.', {
  keystoneURL: optional(address('Address of the identity service in every region.')),
  keystoneURLs: optional(
    list(
      'Addresses of the identity service by region; they win over keystoneURL.',
      complete('A region.', { region: text('Name of the region.'), url: address('Its identity service.') }),
    ),
  ),
  keystoneCACert: optional(text('PEM of further authorities by which the services prove themselves.')),
  dnsServers: optional(
    list('Addresses of the name servers of new networks.', Type.String({ minLength: 1 }), { maxItems: 10 }),
  ),
  dhcpDomain: optional(text('Domain that the names of machines end with.')),
  constraints: optional(
    partial('What Shoots may ask for.', {
      floatingPools: list(
        'Networks whose addresses are reachable from outside; any when absent.',
        complete('A network.', {
          name: text('Its name; * at the end stands for anything.'),
          region: optional(text('Region that it is in.')),
          nonConstraining: optional(flag('Whether it does not hide the others.')),
        }),
      ),
      loadBalancerProviders: list(
        'Makers of load balancers.',
        complete('A maker.', { name: text('Its name.'), region: optional(text('Region that it is in.')) }),
      ),
    }),
  ),
  machineImages: mappedImages({
    image: optional(text('Name of the image, the same in every region.', { minLength: 1 })),
    regions: optional(
      list(
        'The image in each region; they win over image.',
        complete('The image in a region.', {
          name: text('Name of the region.'),
          id: text('Identifier of the image.', { minLength: 1 }),
          architecture: optional(text('Architecture that it runs on; amd64 when absent.')),
        }),
      ),
    ),
  }),
})

/** What a CloudProfile says about an OpenStack cloud. */
export type OpenstackProfile = Static<typeof schema>

const check = createSettingsCheck(schema)

/** What is wrong with `spec.providerConfig` of a profile. */
export function validateOpenstackProfile(cloudProfile: CloudProfile): FieldError[] {
  const { providerConfig } = cloudProfile.spec
  if (providerConfig === undefined) return [fieldError('spec.providerConfig', 'is required')]
  const errors = check(providerConfig, 'spec.providerConfig')
  if (errors.length > 0) return errors
  const profile = openstackProfile(providerConfig)
  const unreachable = cloudProfile.spec.regions.filter(({ name }) => keystoneOf(profile, name) === undefined)
  return [
    ...unreachable.map(({ name }) =>
      fieldError('spec.providerConfig.keystoneURL', `region ${name} has no identity service`),
    ),
    ...unexplainedImages(cloudProfile, profile.machineImages),
  ]
}

/** A profile's part that has passed validation. */
export function openstackProfile(providerConfig: unknown): OpenstackProfile {
  return providerConfig as OpenstackProfile
}

/** Address of the identity service of a region; undefined when the profile names none. */
export function keystoneOf(profile: OpenstackProfile, region: string): string | undefined {
  return profile.keystoneURLs?.find((one) => one.region === region)?.url ?? profile.keystoneURL
}

/** The image of a pool in a region, by identifier or name; undefined when the profile names none. */
export function findServerImage(
  { machineImages }: OpenstackProfile,
  pool: PoolBlueprint,
  region: string,
): { readonly imageID: string } | { readonly imageName: string } | undefined {
  const version = findImage(machineImages, pool)
  const { architecture } = pool.worker.machine
  const here = version?.regions?.find((one) => one.name === region && (one.architecture ?? 'amd64') === architecture)
  if (here !== undefined) return { imageID: here.id }
  // An image that goes by its name says nothing of what it runs on: it is taken for what nearly every cloud has.
  if (version?.image === undefined || architecture !== 'amd64') return undefined
  return { imageName: version.image }
}
