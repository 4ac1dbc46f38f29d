import { Failure } from '@trellis/foundation/failure'

/** One thing that is wrong with an object. */
export interface FieldError {
  /** Path of the field, as in `spec.provider.workers[0].machine.type`. */
  readonly field: string
  /** What is wrong. */
  readonly message: string
  /** What to do about it. */
  readonly remedy?: string
}

/** A field error; the remedy may be left out. */
export function fieldError(field: string, message: string, remedy?: string): FieldError {
  return remedy === undefined ? { field, message } : { field, message, remedy }
}

/** All errors in one text for people, one sentence each. */
export function describeFieldErrors(errors: readonly FieldError[]): string {
  return errors
    .map(({ field, message, remedy }) => `${field}: ${message}${remedy === undefined ? '' : ` (${remedy})`}`)
    .join('; ')
}

/** Throws one `Invalid` failure that names the first field and tells all errors; does nothing when there are none. */
export function throwFieldErrors(what: string, errors: readonly FieldError[]): void {
  const [first] = errors
  if (first === undefined) return
  throw new Failure('Invalid', `${what} is invalid: ${describeFieldErrors(errors)}`)
}
