import { Failure } from '@trellis/foundation/failure'
import type { Parser } from '@trellis/foundation/schema'

/** Parses a part of a larger whole: failures name fields from the whole's root, as in `providerSpec.spec.region`. */
export function parseUnder<Value>(prefix: string, parser: Parser<Value>, input: unknown): Value {
  try {
    return parser.parse(input)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const { field = '(root)' } = error
    const separator = field.startsWith('[') ? '' : '.'
    const path = field === '(root)' ? prefix : `${prefix}${separator}${field}`
    throw new Failure('Invalid', error.message, { cause: error.cause, field: path })
  }
}
