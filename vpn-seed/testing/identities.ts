import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createCertificateMaker, type KeyPair } from '@trellis/certificates/authority'
import { createSystemClock } from '@trellis/foundation/clock'
import { createSystemRandom } from '@trellis/foundation/random'
import { type Identity, type IdentityFiles, readIdentity } from '../src/http-connect/identity.ts'

/** An authority with the certificates of an endpoint on the loopback address and of one caller. */
export interface Identities {
  readonly authority: string
  readonly endpoint: KeyPair
  readonly caller: KeyPair
}

/** Makes an authority and both certificates. */
export async function createIdentities(): Promise<Identities> {
  const maker = createCertificateMaker({ clock: createSystemClock(), random: createSystemRandom() })
  const authority = await maker.createAuthority('test')
  const ipAddresses = ['127.0.0.1']
  const endpoint = await maker.issue(authority, { commonName: 'vpn-seed', usages: ['server'], ipAddresses })
  const caller = await maker.issue(authority, { commonName: 'kube-apiserver', usages: ['client'] })
  return { authority: authority.certificate, endpoint, caller }
}

/** Writes what the endpoint needs into the directory. */
export async function writeIdentity(directory: string, { authority, endpoint }: Identities): Promise<IdentityFiles> {
  const files = {
    certificateFile: join(directory, 'tls.crt'),
    keyFile: join(directory, 'tls.key'),
    clientAuthorityFile: join(directory, 'ca.crt'),
  }
  await writeFile(files.certificateFile, endpoint.certificate)
  await writeFile(files.keyFile, endpoint.privateKey, { mode: 0o600 })
  await writeFile(files.clientAuthorityFile, authority)
  return files
}

/** The endpoint's identity as it reads it from files in the directory. */
export async function identityIn(directory: string, identities: Identities): Promise<Identity> {
  return readIdentity(await writeIdentity(directory, identities))
}
