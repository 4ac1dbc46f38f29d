import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { GoogleError } from './google-error.ts'

/** Who may call the emulated cloud. */
export interface Identity {
  /** The class's secret: a key that the cloud takes. */
  readonly secret: Readonly<Record<string, string>>
  /** Throws `GoogleError` 401 unless the header proves who calls. */
  check(authorization: string | undefined): void
  /** No key and no token is taken any more, or they are again. */
  refuse(refused: boolean): void
  /** Gives a token for one of another issuer, as the token exchange does. */
  exchange(form: URLSearchParams): object
}

/** Tokens of another issuer that the emulated exchange takes. */
export const foreignToken = 'token-of-another-issuer'

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

/** Makes the one service account of a project. */
export function createIdentity(project: string): Identity {
  const email = `manager@${project}.iam.gserviceaccount.com`
  const tokens = new Set<string>()
  let refusing = false
  return {
    secret: {
      serviceAccountJSON: JSON.stringify({
        type: 'service_account',
        project_id: project,
        private_key_id: 'one',
        private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
        client_email: email,
      }),
    },
    check: (authorization = '') => {
      const token = authorization.replace(/^Bearer /, '')
      if (!refusing && (tokens.has(token) || isSigned(token, email))) return
      throw new GoogleError(401, 'authError', 'Request had invalid authentication credentials.')
    },
    refuse: (refused) => {
      refusing = refused
    },
    exchange: (form) => {
      if (form.get('subject_token') !== foreignToken) throw new GoogleError(400, 'invalid', 'invalid_grant')
      const token = `exchanged-${tokens.size}`
      tokens.add(token)
      return {
        access_token: token,
        issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        token_type: 'Bearer',
        expires_in: 3600,
      }
    },
  }
}

/** Whether the account itself signed a token that is valid now. */
function isSigned(token: string, email: string): boolean {
  const [head = '', claims = '', signature = ''] = token.split('.')
  const key = createPublicKey(publicKey.export({ type: 'spki', format: 'pem' }))
  if (!verify('RSA-SHA256', Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, 'base64url'))) return false
  const { iss, exp } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { iss: string; exp: number }
  return iss === email && exp * 1000 > performance.timeOrigin + performance.now()
}
