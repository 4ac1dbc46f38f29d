import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/schema'
import { Failure } from './failure.ts'

/** Turns unknown input into a checked value. */
export interface Parser<Value> {
  /** The value with nothing added; throws `Invalid` that names the first wrong field when it does not fit the schema. */
  parse(input: unknown): Value
  /** Whether the input fits. */
  fits(input: unknown): input is Value
}

/** Compiles a schema once. `what` names the input in errors, as in `configuration of vpn-seed`. */
export function createParser<Schema extends TSchema>(schema: Schema, what: string): Parser<Static<Schema>> {
  const validator = Compile(schema)
  return {
    fits: (input): input is Static<Schema> => validator.Check(input),
    parse: (input) => {
      if (validator.Check(input)) return input as Static<Schema>
      const [, [first]] = validator.Errors(input)
      throw new Failure('Invalid', `${what}: ${first?.message ?? 'does not fit its schema'}`, {
        field: fieldPath(first?.instancePath ?? '', first?.params),
      })
    },
  }
}

/** A JSON pointer as people write fields: `/spec/workers/0/name` is `spec.workers[0].name`. */
function fieldPath(pointer: string, params: unknown): string {
  const path = pointer
    .split('/')
    .slice(1)
    .map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`))
    .join('')
    .replace(/^\./, '')
  const unknownKey = (params as { additionalProperties?: readonly string[] } | undefined)?.additionalProperties?.[0]
  const missingKey = (params as { requiredProperties?: readonly string[] } | undefined)?.requiredProperties?.[0]
  const key = unknownKey ?? missingKey
  if (key === undefined) return path === '' ? '(root)' : path
  return path === '' ? key : `${path}.${key}`
}
