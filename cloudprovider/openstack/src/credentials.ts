import { Failure } from '@trellis/foundation/failure'

/** A domain or project, by id or by name. */
export type Named = { readonly id: string } | { readonly name: string }

/** Who calls: a user with a password in a project, or an application credential, which knows its project. */
export type Identity =
  | {
      readonly kind: 'password'
      readonly username: string
      readonly password: string
      readonly userDomain: Named
      readonly project: Named
      readonly projectDomain: Named
    }
  | { readonly kind: 'application-credential'; readonly id: string; readonly secret: string }
  | {
      readonly kind: 'named-application-credential'
      readonly name: string
      readonly username: string
      readonly userDomain: Named
      readonly secret: string
    }

/** How to reach and convince an OpenStack. */
export interface OpenStackCredentials {
  /** Keystone's address with its version, as in `https://keystone.example.org:5000/v3`. */
  readonly authUrl: string
  readonly identity: Identity
  /** Authorities to trust beside the usual ones, as PEM text. */
  readonly caCert?: string
  /** Certificate and key to show, as PEM text. */
  readonly client?: { readonly cert: string; readonly key: string }
  /** True: the server's certificate is not checked. */
  readonly insecure: boolean
}

type Secret = Readonly<Record<string, string>>

/** The checked credentials; throws `Invalid` with the field, as in `secretRef.data.authURL`. Values never appear in messages. */
export function parseCredentials(secret: Secret): OpenStackCredentials {
  const caCert = read(secret, 'caCert')
  const client = readClient(secret)
  return {
    authUrl: readAuthUrl(secret),
    identity: readIdentity(secret),
    ...(caCert === undefined ? {} : { caCert }),
    ...(client === undefined ? {} : { client }),
    insecure: readInsecure(secret),
  }
}

/** Tells accounts apart without any secret: for shared budgets. */
export function accountOf({ authUrl, identity }: OpenStackCredentials): string {
  const { kind } = identity
  if (kind === 'password') return JSON.stringify([authUrl, identity.project, identity.projectDomain, identity.username])
  return JSON.stringify([authUrl, kind === 'application-credential' ? identity.id : [identity.username, identity.name]])
}

function read(secret: Secret, key: string): string | undefined {
  const value = secret[key]
  return value === undefined || value.trim() === '' ? undefined : value.trim()
}

function wrong(key: string, message: string, remedy: string): Failure {
  return new Failure('Invalid', `secret of a machine class of provider OpenStack: ${message}`, {
    field: `secretRef.data.${key}`,
    remedy,
  })
}

function need(secret: Secret, key: string, remedy = `add ${key}`): string {
  const value = read(secret, key)
  if (value === undefined) throw wrong(key, `${key} is missing`, remedy)
  return value
}

function readAuthUrl(secret: Secret): string {
  const text = need(secret, 'authURL')
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.username !== '') {
    throw wrong('authURL', 'authURL is no address', 'write it as in https://keystone.example.org:5000/v3')
  }
  const path = url.pathname.replace(/\/+$/, '').replace(/\/v(2\.0|3)$/, '')
  return `${url.origin}${path}/v3`
}

function readIdentity(secret: Secret): Identity {
  const applicationSecret = read(secret, 'applicationCredentialSecret')
  if (applicationSecret !== undefined) return readApplicationCredential(secret, applicationSecret)
  const password = need(secret, 'password', 'add password, or applicationCredentialSecret')
  const { userDomain, projectDomain } = readDomains(secret)
  return {
    kind: 'password',
    username: need(secret, 'username'),
    password,
    userDomain,
    projectDomain,
    project: readNamed(secret, 'tenantID', 'tenantName') ?? missing('tenantName', 'tenantID'),
  }
}

function readApplicationCredential(secret: Secret, applicationSecret: string): Identity {
  if (read(secret, 'password') !== undefined) {
    const remedy = 'leave out one of the two'
    throw wrong('password', 'there are both password and applicationCredentialSecret', remedy)
  }
  const id = read(secret, 'applicationCredentialID')
  if (id !== undefined) return { kind: 'application-credential', id, secret: applicationSecret }
  return {
    kind: 'named-application-credential',
    name: need(
      secret,
      'applicationCredentialName',
      'add applicationCredentialID, or applicationCredentialName and username',
    ),
    username: need(secret, 'username'),
    userDomain: readDomains(secret).userDomain,
    secret: applicationSecret,
  }
}

/** The user's domain is the project's unless it is given of its own. */
function readDomains(secret: Secret) {
  const projectDomain = readNamed(secret, 'domainID', 'domainName')
  const userDomain = readNamed(secret, 'userDomainID', 'userDomainName') ?? projectDomain
  if (userDomain === undefined) throw missing('domainName', 'domainID')
  return { userDomain, projectDomain: projectDomain ?? userDomain }
}

function readNamed(secret: Secret, idKey: string, nameKey: string): Named | undefined {
  const id = read(secret, idKey)
  if (id !== undefined) return { id }
  const name = read(secret, nameKey)
  return name === undefined ? undefined : { name }
}

function missing(nameKey: string, idKey: string): never {
  throw wrong(nameKey, `${nameKey} is missing`, `add ${nameKey} or ${idKey}`)
}

function readClient(secret: Secret): OpenStackCredentials['client'] {
  const cert = read(secret, 'clientCert')
  const key = read(secret, 'clientKey')
  if (cert === undefined && key === undefined) return undefined
  if (cert === undefined) throw wrong('clientCert', 'clientCert is missing', 'add it, since there is a clientKey')
  if (key === undefined) throw wrong('clientKey', 'clientKey is missing', 'add it, since there is a clientCert')
  return { cert, key }
}

function readInsecure(secret: Secret): boolean {
  const text = read(secret, 'insecure') ?? 'false'
  if (text === 'true' || text === 'false') return text === 'true'
  throw wrong('insecure', 'insecure is neither true nor false', 'write "true" or "false", or leave it out')
}
