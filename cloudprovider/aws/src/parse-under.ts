import { Failure } from '@trellis/foundation/failure'
import type { Parser } from '@trellis/foundation/schema'

/** Parses a part of something larger: failures name their field below `prefix`. */
export function parseUnder<Value>(prefix: string, parser: Parser<Value>, input: unknown): Value {
  try {
    return parser.parse(input)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const field = error.field === undefined || error.field === '(root)' ? prefix : `${prefix}.${error.field}`
    throw new Failure('Invalid', error.message, { cause: error.cause, field })
  }
}
