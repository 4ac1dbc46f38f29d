import { createHmac } from 'node:crypto'
import { instantText } from '@trellis/api/conditions'
import type { Secret } from '@trellis/api/core/configuration'

/** A token with which one machine may ask for its kubelet's certificate. */
export interface BootstrapToken {
  /** Public part: six lower-case letters and digits. */
  readonly id: string
  /** Secret part: sixteen lower-case letters and digits. */
  readonly secret: string
}

const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** Namespace and name prefix that the API server looks bootstrap tokens up by. */
export const tokenNamespace = 'kube-system'
const tokenSecretType = 'bootstrap.kubernetes.io/token'

/** Selects the Secrets that hold bootstrap tokens. */
export const tokenFieldSelector = `type=${tokenSecretType}`

/** Annotation of a token's Secret: the machine that it was made for. */
export const tokenMachineAnnotation = 'machine.sapcloud.io/machine'

/**
 * The token of a machine: HMAC-SHA256 of its unique identifier under the installation's key, mapped without bias to 22 characters.
 * The same machine always gets the same token, so nothing need be stored before its server is made; nobody without the key can guess it.
 */
export function deriveBootstrapToken(key: Uint8Array, machineUid: string): BootstrapToken {
  const text = deriveText(key, `trellis bootstrap token\0${machineUid}`, 22)
  return { id: text.slice(0, 6), secret: text.slice(6) }
}

/** The id alone, for installations without a key: it names the Secret and hides nothing. */
export function deriveTokenId(machineUid: string): string {
  return deriveText(Buffer.alloc(0), `trellis bootstrap token id\0${machineUid}`, 6)
}

/** Characters drawn evenly from the alphabet: bytes that would favour its beginning are skipped, further blocks follow as needed. */
function deriveText(key: Uint8Array, message: string, length: number): string {
  const ceiling = 256 - (256 % alphabet.length)
  let text = ''
  for (let block = 0; text.length < length; block++) {
    const digest = createHmac('sha256', key).update(`${message}\0${block}`).digest()
    for (const byte of digest) {
      if (byte < ceiling && text.length < length) text += alphabet[byte % alphabet.length]
    }
  }
  return text
}

/** What makes and renews the Secret of a token. */
export interface TokenSecretOptions {
  readonly token: BootstrapToken
  readonly machineName: string
  /** Groups, comma-separated, that the token's bearer is in beside `system:bootstrappers`. */
  readonly extraGroups: string
  readonly expiresAt: number
}

/** Name of the Secret in which the API server looks for a token. */
export function tokenSecretName(id: string): string {
  return `bootstrap-token-${id}`
}

/** The Secret that makes a token valid. */
export function tokenSecret({ token, machineName, extraGroups, expiresAt }: TokenSecretOptions): Secret {
  const data = {
    'token-id': token.id,
    'token-secret': token.secret,
    description: `Lets machine ${machineName} join.`,
    expiration: instantText(expiresAt),
    'usage-bootstrap-authentication': 'true',
    'usage-bootstrap-signing': 'true',
    ...(extraGroups === '' ? {} : { 'auth-extra-groups': extraGroups }),
  }
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: tokenSecretName(token.id),
      namespace: tokenNamespace,
      annotations: { [tokenMachineAnnotation]: machineName },
    },
    type: tokenSecretType,
    data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, encode(value)])),
  }
}

/** The token in a Secret; undefined when it holds none. */
export function tokenOf(secret: Secret): BootstrapToken | undefined {
  const id = decode(secret.data?.['token-id'])
  const text = decode(secret.data?.['token-secret'])
  return id === undefined || text === undefined ? undefined : { id, secret: text }
}

/** When the token in a Secret ends, in milliseconds; undefined when it never does. */
export function tokenExpiry(secret: Secret): number | undefined {
  const text = decode(secret.data?.expiration)
  if (text === undefined) return undefined
  const expiry = Date.parse(text)
  return Number.isNaN(expiry) ? 0 : expiry
}

/** What is to be done about the Secret of a machine that has not joined. */
export type TokenAction =
  | { readonly kind: 'create' }
  | { readonly kind: 'replace' }
  | { readonly kind: 'keep'; readonly renewInMilliseconds: number }

/** Whether a token's Secret must be made, made anew (it is nearly over or not what it should be), or kept for a while. */
export function decideToken(
  present: Secret | undefined,
  wanted: BootstrapToken,
  lifetimeMilliseconds: number,
  now: number,
): TokenAction {
  if (present === undefined) return { kind: 'create' }
  const token = tokenOf(present)
  const expiry = tokenExpiry(present) ?? Number.POSITIVE_INFINITY
  const left = expiry - now
  if (token?.id !== wanted.id || token.secret !== wanted.secret || left <= lifetimeMilliseconds / 2) {
    return { kind: 'replace' }
  }
  return { kind: 'keep', renewInMilliseconds: left - lifetimeMilliseconds / 2 }
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64')
}

function decode(text: string | undefined): string | undefined {
  return text === undefined ? undefined : Buffer.from(text, 'base64').toString()
}
