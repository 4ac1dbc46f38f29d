import { Failure } from '@trellis/foundation/failure'
import type { Federation, GoogleCredentials, ServiceAccountKey } from './credentials.ts'

/** Makes the headers that prove who calls. */
export interface Authorization {
  /** The headers for the next call; what they hold is kept for as long as it is valid. `Unauthorized` when the credentials are refused. */
  headers(): Promise<ReadonlyMap<string, string>>
}

/** Where tests have tokens exchanged, and from which file. */
export interface TokenSource {
  readonly exchange: string
  readonly file: string
}

const scopes = ['https://www.googleapis.com/auth/cloud-platform']

/**
 * Proves a caller by its credentials alone. A service account signs its own tokens, so that no call goes anywhere to get one; federated credentials are exchanged at the one service
 * that they may be sent to.
 */
export async function createAuthorization(
  credentials: GoogleCredentials,
  source?: TokenSource,
): Promise<Authorization> {
  // Loaded only here: who uses another cloud needs none of it.
  const library = await import('google-auth-library')
  const client =
    credentials.kind === 'key'
      ? new library.JWT(selfSigned(credentials.key))
      : library.ExternalAccountClient.fromJSON({ ...exchanged(credentials.federation, source), scopes })
  if (client === null)
    throw new Failure('Invalid', 'these are no federated credentials', { field: 'secretRef.data.credentialsConfig' })
  if (client instanceof library.JWT) client.useJWTAccessWithScope = true
  return {
    headers: async () => {
      try {
        return new Map(await client.getRequestHeaders('https://compute.googleapis.com/'))
      } catch (cause) {
        throw refused(cause)
      }
    },
  }
}

function selfSigned({ client_email: email, private_key: key, private_key_id: keyId }: ServiceAccountKey) {
  return { email, key, scopes, ...(keyId === undefined ? {} : { keyId }) }
}

function exchanged(federation: Federation, source: TokenSource | undefined) {
  if (source === undefined) return federation
  return { ...federation, token_url: source.exchange, credential_source: { file: source.file } }
}

/** The exchange refuses with a status; whatever else goes wrong there may pass. */
function refused(cause: unknown): Failure {
  const { status, response } = cause as { status?: unknown; response?: { status?: unknown } }
  const code = Number(status ?? response?.status)
  const final = code >= 400 && code < 500 && code !== 429
  return new Failure(final ? 'Unauthorized' : 'Unavailable', 'the cloud gives no token for these credentials', {
    // Neither the request nor the answer goes into messages: both hold tokens.
    ...(final ? { remedy: 'renew the credentials in the secret of the class' } : {}),
  })
}
