import { createPrivateKey } from 'node:crypto'
import { Failure } from '@trellis/foundation/failure'
import { createParser, type Parser } from '@trellis/foundation/schema'
import { type Static, Type } from 'typebox'

/** Names of projects; old ones begin with a domain. */
const projectPattern = '^[a-z][a-z0-9.:-]{1,98}$'

const text = (description: string) => Type.String({ minLength: 1, description })

/** A service account's key, as the cloud hands it out; it may hold more, which is not used. */
const serviceAccountSchema = Type.Object({
  type: Type.Literal('service_account'),
  project_id: Type.String({ pattern: projectPattern, description: 'Project of the servers.' }),
  private_key_id: Type.Optional(Type.String()),
  private_key: text('PEM text of the private key.'),
  client_email: text('Name of the service account.'),
})

/** Where the token of this workload is mounted: no class may have another file of the manager read and sent away. */
export const workloadTokenFile = '/var/run/secrets/gardener.cloud/workload-identity/token'

/** The only service that such a token is ever sent to. */
export const tokenExchange = 'https://sts.googleapis.com/v1/token'

/** Federated credentials: a token of another issuer, which the cloud exchanges. Anything that could name a command, an address or another file is refused. */
const federationSchema = Type.Object(
  {
    type: Type.Literal('external_account'),
    universe_domain: Type.Optional(Type.Literal('googleapis.com')),
    audience: text('Workload identity provider.'),
    subject_token_type: Type.Literal('urn:ietf:params:oauth:token-type:jwt'),
    token_url: Type.Literal(tokenExchange),
    service_account_impersonation_url: Type.Optional(
      Type.String({
        pattern:
          '^https://iamcredentials\\.googleapis\\.com/v1/projects/-/serviceAccounts/[^/?#]+:generateAccessToken$',
      }),
    ),
    credential_source: Type.Object(
      {
        file: Type.Literal(workloadTokenFile),
        format: Type.Optional(Type.Object({ type: Type.Literal('text') }, { additionalProperties: false })),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
)

/** A service account's key. */
export type ServiceAccountKey = Static<typeof serviceAccountSchema>

/** Federated credentials. */
export type Federation = Static<typeof federationSchema>

/** How to reach the cloud, from the class's secrets. */
export type GoogleCredentials =
  | { readonly kind: 'key'; readonly project: string; readonly key: ServiceAccountKey }
  | { readonly kind: 'federation'; readonly project: string; readonly federation: Federation }

const keyParser = createParser(serviceAccountSchema, 'service account key')
const federationParser = createParser(federationSchema, 'federated credentials')
const project = new RegExp(projectPattern)

/** Keys of the secret that may hold a service account's key, the newer first. */
const keyNames = ['serviceAccountJSON', 'serviceaccount.json'] as const

/**
 * The checked credentials; throws `Invalid` with the field, as in `secretRef.data.serviceAccountJSON.private_key`. Nothing else is looked at: neither environment nor metadata server of the
 * machine that this runs on.
 */
export function parseCredentials(secret: Readonly<Record<string, string>>): GoogleCredentials {
  const named = keyNames.find((name) => secret[name] !== undefined && secret[name] !== '')
  if (named !== undefined) {
    const key = parseDocument(named, secret[named] ?? '', keyParser)
    checkPrivateKey(named, key.private_key)
    return { kind: 'key', project: projectOf(secret) ?? key.project_id, key }
  }
  const { credentialsConfig = '' } = secret
  if (credentialsConfig === '') {
    throw new Failure('Invalid', 'the secret holds no credentials', {
      field: 'secretRef.data.serviceAccountJSON',
      remedy: "put the service account's key there, or federated credentials under credentialsConfig",
    })
  }
  const federation = parseDocument('credentialsConfig', credentialsConfig, federationParser)
  const projectId = projectOf(secret)
  if (projectId === undefined) {
    throw new Failure('Invalid', 'federated credentials do not say which project they are for', {
      field: 'secretRef.data.projectID',
    })
  }
  return { kind: 'federation', project: projectId, federation }
}

/** What tells accounts apart, without a secret: calls of one account share a budget. */
export function accountOf(credentials: GoogleCredentials): string {
  const who = credentials.kind === 'key' ? credentials.key.client_email : credentials.federation.audience
  return `${credentials.project} ${who}`
}

function projectOf({ projectID = '' }: Readonly<Record<string, string>>): string | undefined {
  const trimmed = projectID.trim()
  if (trimmed === '') return undefined
  if (project.test(trimmed)) return trimmed
  throw new Failure('Invalid', 'this is no name of a project', { field: 'secretRef.data.projectID' })
}

function parseDocument<Value>(name: string, content: string, parser: Parser<Value>): Value {
  const prefix = `secretRef.data.${name}`
  let document: unknown
  try {
    document = JSON.parse(content)
  } catch {
    // The parser's own message would quote the secret.
    throw new Failure('Invalid', 'this is not JSON', { field: prefix })
  }
  try {
    return parser.parse(document)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const field = error.field === undefined || error.field === '(root)' ? prefix : `${prefix}.${error.field}`
    throw new Failure('Invalid', error.message, { field })
  }
}

function checkPrivateKey(name: string, pem: string): void {
  try {
    createPrivateKey(pem)
  } catch {
    throw new Failure('Invalid', 'this is no private key in PEM', { field: `secretRef.data.${name}.private_key` })
  }
}
