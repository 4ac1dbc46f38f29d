import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCertificateMaker } from '@trellis/certificates/authority'
import { createSystemClock } from '@trellis/foundation/clock'
import { createSystemRandom } from '@trellis/foundation/random'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ensureCredentials, readCredentials, requireToken } from './credentials.ts'

const clock = createSystemClock()
const random = createSystemRandom()
const ports = { clock, random, maker: createCertificateMaker({ clock, random }) }
const address = '198.18.0.1'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'localcloud-credentials-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const make = () => ensureCredentials(ports, directory, address)
const read = (at = address) => readCredentials(clock, directory, at)

describe('credentials', () => {
  it('are made once and readable by the owner only', async () => {
    expect(await read()).toBeUndefined()
    await make()
    const first = await read()
    await make()
    expect(await read()).toEqual(first)
    for (const name of await readdir(directory)) expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600)
  })

  it('hold together: the authority has signed the certificate, and the key fits', async () => {
    await make()
    const made = await read()
    const certificate = new X509Certificate(made?.server.certificate ?? '')
    expect(certificate.checkIssued(new X509Certificate(made?.authority ?? ''))).toBe(true)
    expect(certificate.checkIP(address)).toBe(address)
    expect(certificate.checkPrivateKey(createPrivateKey(made?.server.privateKey ?? ''))).toBe(true)
    expect(Buffer.from(made?.token ?? '', 'base64url')).toHaveLength(32)
  })

  it.each(['server.crt', 'server.key'])(
    'are made good again when %s is damaged, without changing what callers hold',
    async (name) => {
      await make()
      const before = await read()
      await writeFile(join(directory, name), 'rubbish')
      expect(await read()).toBeUndefined()
      await make()
      expect(await read()).toMatchObject({ token: before?.token, authority: before?.authority })
    },
  )

  it('are no good for another address', async () => {
    await make()
    expect(await read('198.19.0.1')).toBeUndefined()
  })

  it('are replaced before the certificate expires', async () => {
    await make()
    const later = { ...clock, now: () => clock.now() + 3600 * 24 * 60 * 60 * 1000 }
    expect(await readCredentials(later, directory, address)).toBeUndefined()
  })

  it('keep a token that someone wrote', async () => {
    await writeFile(join(directory, 'token'), 'mine\n')
    await make()
    expect((await read())?.token).toBe('mine')
    expect(await readFile(join(directory, 'token'), 'utf8')).toBe('mine\n')
  })
})

describe('requireToken', () => {
  const check = requireToken('secret')
  it('lets the token pass', () => expect(() => check({ headers: { authorization: 'Bearer secret' } })).not.toThrow())
  it.each([undefined, '', 'Bearer', 'Bearer secre', 'Bearer secrets', 'secret', 'Basic secret'])(
    'refuses "%s"',
    (authorization) => {
      const headers = authorization === undefined ? {} : { authorization }
      expect(() => check({ headers })).toThrow(expect.objectContaining({ kind: 'Unauthorized' }))
    },
  )
})
