import { createHash, createPrivateKey, timingSafeEqual, X509Certificate } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import type { CertificateMaker, KeyPair } from '@trellis/certificates/authority'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import type { Random } from '@trellis/foundation/random'
import { readIfPresent, writeFileAtomically } from './files.ts'

/** What callers from inside the cloud need, and what the server shows them. */
export interface Credentials {
  readonly token: string
  readonly authority: string
  /** Certificate and key of the HTTPS endpoint. */
  readonly server: KeyPair
}

const tokenBytes = 32
/** A certificate that expires sooner than this is replaced at the next start. */
const renewalMilliseconds = 90 * 24 * 60 * 60 * 1000
const validityDays = 3650

/** The credentials in `directory` when all are there and the certificate is good for `address` for a while; otherwise undefined. */
export async function readCredentials(
  clock: Clock,
  directory: string,
  address: string,
): Promise<Credentials | undefined> {
  const [token, authority, certificate, privateKey] = await Promise.all(
    ['token', 'ca.crt', 'server.crt', 'server.key'].map((name) => readIfPresent(join(directory, name))),
  )
  if (!token?.trim() || !authority || !certificate || !privateKey) return undefined
  if (!isGood(clock, { certificate, privateKey }, authority, address)) return undefined
  return { token: token.trim(), authority, server: { certificate, privateKey } }
}

/** Makes whatever of the credentials is missing or no longer good: `token`, `ca.crt`, `ca.key`, `server.crt`, `server.key`. What callers hold stays valid. */
export async function ensureCredentials(
  { clock, random, maker }: { readonly clock: Clock; readonly random: Random; readonly maker: CertificateMaker },
  directory: string,
  address: string,
): Promise<void> {
  if ((await readCredentials(clock, directory, address)) !== undefined) return
  const file = (name: string) => join(directory, name)
  if (!(await readIfPresent(file('token')))?.trim()) {
    await writeFileAtomically(file('token'), random.bytes(tokenBytes).toString('base64url'))
  }
  const [certificate, privateKey] = [await readIfPresent(file('ca.crt')), await readIfPresent(file('ca.key'))]
  let authority = certificate && privateKey ? { certificate, privateKey } : undefined
  if (authority === undefined) {
    authority = await maker.createAuthority('trellis-localcloud', validityDays)
    await writeFileAtomically(file('ca.key'), authority.privateKey)
    await writeFileAtomically(file('ca.crt'), authority.certificate)
  }
  const request = { commonName: 'localcloud', ipAddresses: [address], usages: ['server' as const], validityDays }
  const server = await maker.issue(authority, request)
  await writeFileAtomically(file('server.key'), server.privateKey)
  await writeFileAtomically(file('server.crt'), server.certificate)
}

function isGood(clock: Clock, pair: KeyPair, authority: string, address: string): boolean {
  try {
    const certificate = new X509Certificate(pair.certificate)
    const expires = Date.parse(certificate.validTo)
    return (
      certificate.checkIP(address) !== undefined &&
      certificate.checkPrivateKey(createPrivateKey(pair.privateKey)) &&
      certificate.verify(new X509Certificate(authority).publicKey) &&
      expires > clock.now() + renewalMilliseconds
    )
  } catch {
    // Not a certificate or key at all: as bad as none.
    return false
  }
}

/** A check that lets only requests with the token pass. Takes the same time wherever a wrong token differs. */
export function requireToken(token: string): (request: Pick<IncomingMessage, 'headers'>) => void {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  const expected = digest(`Bearer ${token}`)
  return ({ headers }) => {
    if (timingSafeEqual(digest(headers.authorization ?? ''), expected)) return
    throw new Failure('Unauthorized', 'the request bears no valid token', {
      remedy: 'send the header "authorization: Bearer TOKEN" with the content of credentials/token',
    })
  }
}
