import { type FieldError, fieldError } from '@trellis/api/validation/field-error'
import { isFailure } from '@trellis/foundation/failure'
import type { Blueprint } from '../shoot/blueprint.ts'
import type { ShootCloud } from './cloud.ts'

/** What is wrong with where the pools of a shoot are, for any cloud. */
export function placeErrors({ needsZones, type }: ShootCloud, { shoot }: Blueprint): FieldError[] {
  return shoot.spec.provider.workers.flatMap(({ zones = [] }, index) => {
    const at = `spec.provider.workers[${index}].zones`
    const repeated = zones.flatMap((zone, place) =>
      zones.indexOf(zone) < place ? [fieldError(`${at}[${place}]`, `zone ${zone} is named twice`)] : [],
    )
    const none = needsZones && zones.length === 0
    return [...repeated, ...(none ? [fieldError(at, `pools on ${type} must name at least one zone`)] : [])]
  })
}

/** What is wrong with what a Shoot says of its network, by what the cloud's engine throws when it reads that: the first thing only. */
export function infrastructureErrors(
  { shoot }: Blueprint,
  read: (infrastructureConfig: unknown) => unknown,
): FieldError[] {
  const { infrastructureConfig, type } = shoot.spec.provider
  const root = 'spec.provider.infrastructureConfig'
  if (infrastructureConfig === undefined) {
    return [fieldError(root, 'is required', `say which network the shoot gets, as examples/${type}/shoot.yaml does`)]
  }
  try {
    read(infrastructureConfig)
    return []
  } catch (error) {
    if (!isFailure(error, 'Invalid')) throw error
    return [fieldError(error.field ?? root, error.message, error.remedy)]
  }
}
