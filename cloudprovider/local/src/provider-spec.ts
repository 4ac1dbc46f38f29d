import { ownershipTags } from '@trellis/cloudprovider/contract/tags'
import { Failure } from '@trellis/foundation/failure'
import { createParser, type Parser } from '@trellis/foundation/schema'
import { type Static, Type } from 'typebox'

const name = (description: string) => Type.String({ minLength: 1, description })

/** Schema of what a machine class of provider `local` says about its servers. */
export const providerSpecSchema = Type.Object(
  {
    network: name('Name or id of the network.'),
    image: name('Name of the machine image.'),
    flavor: name('Name of the flavor.'),
    tags: Type.Unsafe<Record<string, string>>({
      type: 'object',
      additionalProperties: { type: 'string' },
      description: 'Tags of the servers; one must name the cluster and one the role.',
    }),
  },
  { additionalProperties: false },
)

/** What a machine class of provider `local` says about its servers. */
export type LocalProviderSpec = Static<typeof providerSpecSchema>

/** Schema of the secret that a machine class of provider `local` refers to; it may hold more. */
const credentialsSchema = Type.Object({
  endpoint: name("The cloud's HTTPS address."),
  token: name('Bearer token.'),
  caBundle: name('PEM text of the CA that signed the endpoint.'),
})

/** How to reach the cloud, from the class's secrets. */
export type LocalCredentials = Static<typeof credentialsSchema>

const specParser = createParser(providerSpecSchema, 'machine class of provider local')
const credentialsParser = createParser(credentialsSchema, 'secret of a machine class of provider local')

/** The checked spec; throws `Invalid` with the field, as in `providerSpec.flavor`. */
export function parseProviderSpec(input: unknown): LocalProviderSpec {
  const spec = parseUnder('providerSpec', specParser, input)
  ownershipTags(spec.tags)
  return spec
}

/** The checked credentials; throws `Invalid` with the field, as in `secretRef.data.token`. */
export function parseCredentials(secret: Readonly<Record<string, string>>): LocalCredentials {
  const { endpoint, token, caBundle } = parseUnder('secretRef.data', credentialsParser, secret)
  return { endpoint, token: token.trim(), caBundle }
}

function parseUnder<Value>(prefix: string, parser: Parser<Value>, input: unknown): Value {
  try {
    return parser.parse(input)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const field = error.field === undefined || error.field === '(root)' ? prefix : `${prefix}.${error.field}`
    throw new Failure('Invalid', error.message, { cause: error.cause, field })
  }
}
