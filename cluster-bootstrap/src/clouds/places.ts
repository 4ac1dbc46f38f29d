import { type FieldError, fieldError } from '@trellis/api/validation/field-error'
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

/** Says that a cloud needs to be told of its network what it was not told. */
export function missingInfrastructureConfig({ shoot }: Blueprint): FieldError[] {
  const { infrastructureConfig, type } = shoot.spec.provider
  if (infrastructureConfig !== undefined) return []
  const field = 'spec.provider.infrastructureConfig'
  return [fieldError(field, 'is required', `say which network the shoot gets, as examples/${type}/shoot.yaml does`)]
}
