import { type FieldError, fieldError } from '@trellis/api/validation/field-error'
import { awsCloud } from './aws/cloud.ts'
import type { ShootCloud } from './cloud.ts'
import { gcpCloud } from './gcp/cloud.ts'
import { localCloud } from './local.ts'
import { openstackCloud } from './openstack/cloud.ts'

/** Every kind of cloud that shoots may be on. A further one is a folder here and a line in this list. */
export const knownClouds: readonly ShootCloud[] = [localCloud, awsCloud, openstackCloud, gcpCloud]

/** The cloud of a provider type, or why no shoot can be on it. */
export function chooseCloud(
  clouds: readonly ShootCloud[],
  type: string,
): { readonly cloud: ShootCloud } | { readonly error: FieldError } {
  const cloud = clouds.find((one) => one.type === type)
  if (cloud?.connect !== undefined) return { cloud }
  const usable = clouds.filter((one) => one.connect !== undefined).map((one) => one.type)
  const message =
    cloud === undefined
      ? `there is no cloud ${type}`
      : `this version has no engine for the infrastructure of ${type} yet, so no shoot can grow there`
  return { error: fieldError('spec.provider.type', message, `choose one of ${usable.join(', ')}`) }
}
