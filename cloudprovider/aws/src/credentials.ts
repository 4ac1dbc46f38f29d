import { isAbsolute } from 'node:path'
import { Failure } from '@trellis/foundation/failure'

/** How to prove to AWS who is calling. */
export type AwsCredentials =
  | { readonly kind: 'keys'; readonly accessKeyId: string; readonly secretAccessKey: string }
  /** A token in a file, which others renew, stands for a role. */
  | { readonly kind: 'workload-identity'; readonly tokenFile: string; readonly roleArn: string }

type Secret = Readonly<Record<string, string>>

/**
 * The credentials in a class's secret: `accessKeyID` and `secretAccessKey`, by their older names `providerAccessKeyId` and `providerSecretAccessKey`,
 * or `workloadIdentityTokenFile` and `roleARN`. Throws `Invalid` that names what is missing, as in `secretRef.data.accessKeyID`.
 */
export function parseCredentials(secret: Secret): AwsCredentials {
  const tokenFile = trimmed(secret, 'workloadIdentityTokenFile')
  if (tokenFile !== undefined) {
    if (!isAbsolute(tokenFile)) throw missing('workloadIdentityTokenFile', 'the path of the token is not absolute')
    return { kind: 'workload-identity', tokenFile, roleArn: needed(secret, 'roleARN') }
  }
  return {
    kind: 'keys',
    accessKeyId: needed(secret, 'accessKeyID', 'providerAccessKeyId'),
    secretAccessKey: needed(secret, 'secretAccessKey', 'providerSecretAccessKey'),
  }
}

/** Tells accounts apart as far as credentials do; holds no secret. */
export function accountOf(credentials: AwsCredentials): string {
  return credentials.kind === 'keys' ? credentials.accessKeyId : credentials.roleArn
}

function needed(secret: Secret, ...names: readonly [string, ...string[]]): string {
  for (const name of names) {
    const value = trimmed(secret, name)
    if (value !== undefined) return value
  }
  throw missing(names[0], `the secret has no ${names[0]}`)
}

/** Files often end with a line break that belongs to no key. */
function trimmed(secret: Secret, name: string): string | undefined {
  const value = secret[name]?.trim()
  return value === '' ? undefined : value
}

function missing(name: string, message: string): Failure {
  return new Failure('Invalid', message, { field: `secretRef.data.${name}` })
}
