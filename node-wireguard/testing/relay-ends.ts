import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rename, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CertificateMaker, createCertificateMaker, type KeyPair } from '@trellis/certificates/authority'
import { createSystemClock } from '@trellis/foundation/clock'
import { createSystemRandom } from '@trellis/foundation/random'
import type { Laboratory } from './namespaces.ts'

/** Certificates of a test. */
export interface RelayCertificates {
  readonly directory: string
  readonly caFile: string
  /** Writes a certificate of the authority, in place of the one before. */
  issue(name: string, usage: 'server' | 'client', authority?: KeyPair): Promise<RelayCertificateFiles>
  readonly maker: CertificateMaker
}

/** PEM files of one party. */
export interface RelayCertificateFiles {
  readonly certificateFile: string
  readonly keyFile: string
}

/** The name that servers have in tests. */
export const relayServerName = 'seed-0.vpn.example.org'

/** Makes an authority whose files go away with the laboratory. */
export async function createRelayCertificates(laboratory: Laboratory): Promise<RelayCertificates> {
  const directory = await mkdtemp(join(tmpdir(), 'relay-'))
  laboratory.removeLater(directory)
  const maker = createCertificateMaker({ clock: createSystemClock(), random: createSystemRandom() })
  const own = await maker.createAuthority('relay')
  const caFile = join(directory, 'ca.crt')
  await writeFile(caFile, own.certificate)
  return {
    directory,
    caFile,
    maker,
    issue: async (name, usage, authority = own) => {
      const pair = await maker.issue(authority, { commonName: name, usages: [usage], dnsNames: [relayServerName] })
      const files = { certificateFile: join(directory, `${name}.crt`), keyFile: join(directory, `${name}.key`) }
      await replace(files.certificateFile, pair.certificate)
      await replace(files.keyFile, pair.privateKey)
      return files
    },
  }
}

async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 })
  await rename(`${file}.new`, file)
}

/** Calls `onLine` with each line of JSON that the program writes. */
export function eachLine<Line>(child: ChildProcess, onLine: (line: Line) => void): void {
  let rest = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(JSON.parse(line))
  })
}
