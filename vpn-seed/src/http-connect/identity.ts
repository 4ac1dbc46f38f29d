import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { Failure } from '@trellis/foundation/failure'

/** Where the endpoint's identity is, and whom it trusts: PEM files. */
export interface IdentityFiles {
  readonly certificateFile: string
  readonly keyFile: string
  readonly clientAuthorityFile: string
}

/** What those files hold, checked to belong together. */
export interface Identity {
  readonly certificate: string
  readonly key: string
  readonly clientAuthority: string
  /** When the certificate expires, in milliseconds since the epoch. */
  readonly expiry: number
}

/** Reads the files. Throws `NotFound` or `Invalid` that names the field of the configuration; nothing of a key is in it. */
export async function readIdentity(files: IdentityFiles): Promise<Identity> {
  const certificate = await read(files.certificateFile, 'certificateFile')
  const key = await read(files.keyFile, 'keyFile')
  const clientAuthority = await read(files.clientAuthorityFile, 'clientAuthorityFile')
  const expiry = expiryOf(certificate)
  try {
    createSecureContext({ ca: clientAuthority })
  } catch (error) {
    throw new Failure('Invalid', 'the authorities cannot be read', { field: 'clientAuthorityFile', cause: error })
  }
  try {
    createSecureContext({ cert: certificate, key })
  } catch {
    // The cause is left out: it may quote the key.
    throw new Failure('Invalid', 'this is not the private key of the certificate', {
      field: 'keyFile',
      remedy: 'write certificate and key together, as one Secret',
    })
  }
  return { certificate, key, clientAuthority, expiry }
}

/** Whether nothing has changed. */
export function sameIdentity(a: Identity, b: Identity): boolean {
  return a.certificate === b.certificate && a.key === b.key && a.clientAuthority === b.clientAuthority
}

async function read(path: string, field: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new Failure('NotFound', `${path} cannot be read`, { field, cause: error })
  })
  // An empty list of authorities would trust nobody, or, elsewhere, all that the system trusts.
  if (text.includes('-----BEGIN ')) return text
  throw new Failure('Invalid', `${path} is not PEM`, { field })
}

function expiryOf(certificate: string): number {
  try {
    return new X509Certificate(certificate).validToDate.getTime()
  } catch (error) {
    throw new Failure('Invalid', 'the certificate cannot be read', { field: 'certificateFile', cause: error })
  }
}
