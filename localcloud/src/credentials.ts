import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import type { CertificateMaker, KeyPair } from '@trellis/certificates/authority'
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

/**
 * Reads the credentials, making what is missing: `token`, `ca.crt`, `ca.key`. The server's certificate is new at each start. `loadMaker` is
 * called late because making certificates takes a library that nothing else needs.
 */
export async function ensureCredentials(
  random: Random,
  loadMaker: () => Promise<CertificateMaker>,
  directory: string,
  address: string,
): Promise<Credentials> {
  const maker = await loadMaker()
  const token = await ensureFile(join(directory, 'token'), async () => random.bytes(tokenBytes).toString('base64url'))
  const [certificateFile, keyFile] = [join(directory, 'ca.crt'), join(directory, 'ca.key')]
  const [certificate, privateKey] = [await readIfPresent(certificateFile), await readIfPresent(keyFile)]
  let authority = certificate && privateKey ? { certificate, privateKey } : undefined
  if (authority === undefined) {
    authority = await maker.createAuthority('trellis-localcloud')
    await writeFileAtomically(keyFile, authority.privateKey)
    await writeFileAtomically(certificateFile, authority.certificate)
  }
  const server = await maker.issue(authority, {
    commonName: 'localcloud',
    ipAddresses: [address],
    usages: ['server'],
    validityDays: 3650,
  })
  return { token, authority: authority.certificate, server }
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

async function ensureFile(path: string, make: () => Promise<string>): Promise<string> {
  const present = (await readIfPresent(path))?.trim()
  if (present !== undefined && present !== '') return present
  const content = await make()
  await writeFileAtomically(path, content)
  return content
}
