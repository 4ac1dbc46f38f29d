import type { FieldError } from '@trellis/api/validation/field-error'

/** Errors as one line each, for comparison. */
export function problemsIn(errors: readonly FieldError[]): readonly string[] {
  return errors.map(({ field, message }) => `${field}: ${message}`)
}
