import { ownershipTags } from '@trellis/cloudprovider/contract/tags'
import { Failure } from '@trellis/foundation/failure'
import { createParser } from '@trellis/foundation/schema'
import { type Static, Type } from 'typebox'

/** Schema of what a machine class of provider `simulated` says about its servers. */
export const providerSpecSchema = Type.Object(
  {
    machineType: Type.String({ minLength: 1 }),
    region: Type.Optional(Type.String()),
    zone: Type.Optional(Type.String()),
    tags: Type.Unsafe<Record<string, string>>({ type: 'object', additionalProperties: { type: 'string' } }),
  },
  { additionalProperties: false },
)

/** What a machine class of provider `simulated` says about its servers. */
export type SimulatedProviderSpec = Static<typeof providerSpecSchema>

const parser = createParser(providerSpecSchema, 'machine class of provider simulated')

/** The checked spec; throws `Invalid` with the field, as in `providerSpec.tags`. */
export function parseProviderSpec(input: unknown): SimulatedProviderSpec {
  try {
    const spec = parser.parse(input)
    ownershipTags(spec.tags)
    return spec
  } catch (error) {
    if (!(error instanceof Failure) || error.field?.startsWith('providerSpec')) throw error
    const field = error.field === undefined || error.field === '(root)' ? 'providerSpec' : `providerSpec.${error.field}`
    throw new Failure('Invalid', error.message, { cause: error.cause, field })
  }
}
