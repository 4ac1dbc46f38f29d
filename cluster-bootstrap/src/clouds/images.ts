import type { CloudProfile } from '@trellis/api/garden/cloud-profile'
import { type FieldError, fieldError } from '@trellis/api/validation/field-error'
import type { PoolBlueprint } from '../shoot/blueprint.ts'

/** A machine image of a CloudProfile as the cloud's own part explains it: versions by name. */
export interface MappedImage<Version extends { readonly version: string }> {
  readonly name: string
  readonly versions: readonly Version[]
}

/** The explanation of a pool's image and version; undefined when there is none. */
export function findImage<Version extends { readonly version: string }>(
  images: readonly MappedImage<Version>[],
  { image }: Pick<PoolBlueprint, 'image'>,
): Version | undefined {
  return images.find(({ name }) => name === image.name)?.versions.find(({ version }) => version === image.version)
}

/** Versions that a profile offers and that its cloud's own part does not explain. */
export function unexplainedImages(
  { spec }: CloudProfile,
  images: readonly MappedImage<{ readonly version: string }>[],
): FieldError[] {
  return spec.machineImages.flatMap(({ name, versions }) =>
    versions
      .filter(({ version }) => findImage(images, { image: { name, version } }) === undefined)
      .map(({ version }) =>
        fieldError(
          'spec.providerConfig.machineImages',
          `machine image ${name} has version ${version}, which is not explained here`,
          'add what the cloud calls it, or take the version away',
        ),
      ),
  )
}

/** Says that a pool's image cannot be had where the shoot is. */
export function imageError({ image, worker }: PoolBlueprint, index: number, where: string): FieldError {
  const { architecture } = worker.machine
  return fieldError(
    `spec.provider.workers[${index}].machine.image`,
    `the cloud profile names no image ${image.name} ${image.version ?? ''} for ${architecture} in ${where}`,
    'choose another image or region',
  )
}
