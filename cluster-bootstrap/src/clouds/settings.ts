import { isQuantity, quantityNumber } from '@trellis/api/quantity'
import { type FieldError, fieldError } from '@trellis/api/validation/field-error'
import { createStructureCheck } from '@trellis/api/validation/structure'
import type { TSchema } from 'typebox'

/** What is wrong with one of the cloud's own parts, as fields below its path. */
export type SettingsCheck = (value: unknown, at: string) => FieldError[]

/** Compares a part with its schema, unknown fields included; absent is right. */
export function createSettingsCheck(schema: TSchema): SettingsCheck {
  const check = createStructureCheck(schema)
  return (value, at) => {
    if (value === undefined) return []
    const { unknown, wrong } = check(value)
    return [...unknown, ...wrong].map(({ field, ...rest }) => ({ ...rest, field: below(at, field) }))
  }
}

function below(at: string, field: string): string {
  if (field === '(root)' || field === '') return at
  return field.startsWith('[') ? `${at}${field}` : `${at}.${field}`
}

/** Refuses a part that nothing acts on, unless it says no more than what kind it is. */
export function checkNothing(value: unknown, at: string): FieldError[] {
  if (value === undefined) return []
  const keys = typeof value === 'object' && value !== null ? Object.keys(value) : ['']
  const said = keys.filter((key) => key !== 'apiVersion' && key !== 'kind')
  return said.length === 0 ? [] : [fieldError(at, 'nothing acts on it at this cloud', 'leave it out')]
}

/** A quantity of bytes in whole gibibytes, rounded up. What is no quantity has been refused before. */
export function gibibytesOf(size: string): number {
  return Math.ceil((quantityNumber(size) ?? 0) / 2 ** 30)
}

/** What is wrong with the size of a volume that a cloud measures in whole gibibytes. */
export function checkVolumeSize(size: string, at: string): FieldError[] {
  if (!isQuantity(size) || gibibytesOf(size) >= 1) return []
  return [fieldError(`${at}.size`, 'must be more than nothing', 'write it as in 50Gi')]
}
