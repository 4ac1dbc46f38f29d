import { Failure } from '@trellis/foundation/failure'
import { createParser } from '@trellis/foundation/schema'
import type { Static, TSchema } from 'typebox'

/** Path of the configuration in a Shoot. */
const root = 'spec.provider.infrastructureConfig'

/** Reads the infrastructure's configuration of a Shoot; throws `Invalid` with the whole path of the first wrong field. */
export function configurationParser<Schema extends TSchema>(schema: Schema): (input: unknown) => Static<Schema> {
  const parser = createParser(schema, 'infrastructureConfig')
  return (input) => {
    try {
      return parser.parse(input ?? {})
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      throw wrongField(error.field, error.message)
    }
  }
}

/** The failure of one field of the configuration, as in `networks.vpc`. */
export function wrongField(field: string | undefined, message: string, remedy?: string): Failure {
  const path = field === undefined || field === '(root)' ? root : `${root}.${field}`
  return new Failure('Invalid', message, { field: path, ...(remedy === undefined ? {} : { remedy }) })
}
