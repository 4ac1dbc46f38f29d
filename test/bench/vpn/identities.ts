import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createCertificateMaker } from '@trellis/certificates/authority'
import type { BenchContext } from './context.ts'

/** Files of one party, PEM. */
export interface IdentityFiles {
  readonly certificateFile: string
  readonly keyFile: string
}

/** Certificates of a variant, all of one authority. */
export interface Identities {
  readonly caFile: string
  /** A certificate for one party; a server's holds for the addresses. */
  issue(name: string, usage: 'server' | 'client', ipAddresses?: readonly string[]): Promise<IdentityFiles>
}

/** Makes an authority whose files go into the directory. */
export async function createIdentities({ clock, random }: BenchContext, directory: string): Promise<Identities> {
  const maker = createCertificateMaker({ clock, random })
  const authority = await maker.createAuthority('bench')
  const caFile = join(directory, 'ca.crt')
  await writeFile(caFile, authority.certificate)
  return {
    caFile,
    issue: async (name, usage, ipAddresses = []) => {
      const pair = await maker.issue(authority, { commonName: name, usages: [usage], ipAddresses })
      const files = { certificateFile: join(directory, `${name}.crt`), keyFile: join(directory, `${name}.key`) }
      await writeFile(files.certificateFile, pair.certificate)
      await writeFile(files.keyFile, pair.privateKey, { mode: 0o400 })
      return files
    },
  }
}
