import { secrets } from '@trellis/api/core/configuration'
import { credentialsBindings } from '@trellis/api/garden/credentials-binding'
import { secretBindings } from '@trellis/api/garden/project'
import type { Shoot } from '@trellis/api/garden/shoot'
import type { HeldObject } from '@trellis/api/garden/shoot-status'
import { type FieldError, fieldError } from '@trellis/api/validation/field-error'
import { Failure } from '@trellis/foundation/failure'
import type { Client } from '@trellis/kubernetes/client'
import { decodeSecret, type SecretData } from '../secrets/secret-store.ts'
import type { CloudPlace, ShootCloud } from './cloud.ts'

/** Where credentials are read from. */
export interface CredentialsSource {
  readonly garden: Client
  /** The seed's own credentials for the cloud that it runs on. */
  readonly seedCredentials: SecretData
}

/** A Shoot whose cloud needs credentials of its own must say which. */
export function bindingErrors(cloud: ShootCloud, { spec }: Shoot): FieldError[] {
  if (cloud.credentialsOf === 'seed' || spec.credentialsBindingName || spec.secretBindingName) return []
  return [fieldError('spec.credentialsBindingName', 'is required', `name the credentials for ${cloud.type}`)]
}

/**
 * The credentials of a Shoot's account as its control namespace gets them, read afresh. Throws `Unavailable` that names the field of the Shoot when the
 * binding, its Secret or a key in it is missing, since that may be put right without a change of the Shoot; `Invalid` for a binding of another cloud.
 * No message holds a value of the Secret.
 */
export async function readCredentials(
  { garden, seedCredentials }: CredentialsSource,
  cloud: ShootCloud,
  shoot: Shoot,
  place: CloudPlace,
): Promise<SecretData> {
  if (cloud.credentialsOf === 'seed') return cloud.credentials(seedCredentials, place)
  const reference = await findReference(garden, cloud, shoot)
  const { field, binding, namespace, name } = reference
  const secret = await garden.find(secrets, { namespace, name })
  if (secret === undefined)
    throw missing(field, `${binding} refers to Secret ${namespace}/${name}, which does not exist`)
  try {
    return cloud.credentials(decodeSecret(secret), place)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const what = `Secret ${namespace}/${name}: ${error.message}`
    throw new Failure(error.kind, what, { field, ...(error.remedy === undefined ? {} : { remedy: error.remedy }) })
  }
}

/** Where a Shoot's credentials are. */
export interface SecretReference {
  /** The field of the Shoot that leads there. */
  readonly field: string
  readonly binding: string
  readonly namespace: string
  readonly name: string
  /** The binding and the Secret. */
  readonly objects: readonly HeldObject[]
}

/** The Secret that a Shoot's binding leads to, which may not be there. Throws as {@link readCredentials} for the binding. */
export async function findReference(
  garden: Client,
  cloud: ShootCloud,
  { metadata, spec }: Shoot,
): Promise<SecretReference> {
  const namespace = metadata.namespace ?? ''
  const { credentialsBindingName, secretBindingName } = spec
  if (credentialsBindingName !== undefined) {
    const field = 'spec.credentialsBindingName'
    const binding = `CredentialsBinding ${credentialsBindingName}`
    const found = await garden.find(credentialsBindings, { namespace, name: credentialsBindingName })
    if (found === undefined) throw missing(field, `there is no ${binding} in ${namespace}`)
    const { kind, ...reference } = found.credentialsRef
    checkType(field, binding, found.provider.type, cloud)
    if (kind === 'Secret') {
      const { namespace: place, name } = reference
      const held: HeldObject = { kind: 'CredentialsBinding', namespace, name: credentialsBindingName }
      return { field, binding, namespace: place, name, objects: [held, secretAt(place, name)] }
    }
    throw new Failure('Invalid', `${binding} refers to a ${kind}`, { field, remedy: 'let it refer to a Secret' })
  }
  const field = 'spec.secretBindingName'
  const name = secretBindingName ?? ''
  const binding = `SecretBinding ${name}`
  const found = await garden.find(secretBindings, { namespace, name })
  if (found === undefined) throw missing(field, `there is no ${binding} in ${namespace}`)
  checkType(field, binding, found.provider?.type ?? cloud.type, cloud)
  const secret = secretAt(found.secretRef.namespace ?? namespace, found.secretRef.name)
  const { namespace: place, name: secretName } = secret
  const objects: readonly HeldObject[] = [{ kind: 'SecretBinding', namespace, name }, secret]
  return { field, binding, namespace: place, name: secretName, objects }
}

function secretAt(namespace: string, name: string): HeldObject {
  return { kind: 'Secret', namespace, name }
}

/** A binding may be for several clouds, comma-separated. */
function checkType(field: string, binding: string, type: string, cloud: ShootCloud): void {
  if (type.split(',').includes(cloud.type)) return
  throw new Failure('Invalid', `${binding} is for ${type}, not ${cloud.type}`, { field })
}

function missing(field: string, message: string): Failure {
  return new Failure('Unavailable', message, { field, remedy: 'create it' })
}

/** These keys of a Secret, all of them; throws `Unavailable` that names the first one that is missing or empty. */
export function pickKeys(secret: SecretData, keys: readonly string[]): SecretData {
  return Object.fromEntries(keys.map((key) => [key, needKey(secret, [key])]))
}

/** Those of these keys that a Secret has. */
export function pickPresent(secret: SecretData, keys: readonly string[]): SecretData {
  return Object.fromEntries(keys.flatMap((key) => (secret[key] ? [[key, secret[key]]] : [])))
}

/** The value under the first of these names that the Secret has; throws `Unavailable` when it has none of them. */
export function needKey(secret: SecretData, names: readonly string[]): string {
  const value = names.map((name) => secret[name]).find((one) => one !== undefined && one.trim() !== '')
  if (value !== undefined) return value
  throw new Failure('Unavailable', `it has no ${names.join(' or ')}`, { remedy: 'add the key' })
}
