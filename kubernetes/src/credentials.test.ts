import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CommandResult, CommandRunner } from '@trellis/foundation/command'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCredentials } from './credentials.ts'
import type { UserCredentials } from './kubeconfig.ts'

function begin(user: UserCredentials, run: CommandRunner['run'] = () => Promise.reject(new TypeError('not expected'))) {
  const clock = createVirtualClock()
  const kubeconfig = { server: 'https://a', skipTlsVerify: false, certificateAuthority: { text: 'CA' }, user }
  return { clock, credentials: createCredentials(clock, kubeconfig, { run }) }
}

describe('credentials', () => {
  it.each<[string, UserCredentials, object]>([
    ['a token', { token: { text: 'abc\n' } }, { authorization: 'Bearer abc' }],
    ['a password', { basic: { username: 'a', password: 'b' } }, { authorization: 'Basic YTpi' }],
    [
      'another name',
      { impersonate: { user: 'x', groups: ['y', 'z'] } },
      { 'impersonate-user': 'x', 'impersonate-group': ['y', 'z'] },
    ],
    ['nothing', {}, {}],
  ])('may be %s', async (_what, user, headers) => {
    expect((await begin(user).credentials.current()).headers).toEqual(headers)
  })

  it('may be a certificate', async () => {
    const { credentials } = begin({ clientCertificate: { text: 'cert' }, clientKey: { text: 'key' } })
    expect(await credentials.current()).toMatchObject({
      clientCertificate: 'cert',
      clientKey: 'key',
      certificateAuthority: 'CA',
    })
    expect(credentials.refused()).toBe(false)
  })
})

describe('credentials in files', () => {
  let file: string
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kubernetes-credentials-'))
    file = join(directory, 'token')
  })
  afterAll(() => rm(directory, { recursive: true }))
  const tokenOf = async ({ credentials }: ReturnType<typeof begin>) =>
    (await credentials.current()).headers.authorization

  it('are read again as they rotate', async () => {
    await writeFile(file, 'one')
    const world = begin({ token: { file } })
    expect(await tokenOf(world)).toBe('Bearer one')
    await writeFile(file, 'two')
    await world.clock.advance(9_000)
    expect(await tokenOf(world)).toBe('Bearer one')
    await world.clock.advance(1_000)
    expect(await tokenOf(world)).toBe('Bearer two')
  })

  it('are read again at once when they were refused', async () => {
    await writeFile(file, 'one')
    const world = begin({ token: { file } })
    await tokenOf(world)
    await world.clock.advance(1)
    await writeFile(file, 'two')
    expect(world.credentials.refused()).toBe(true)
    expect(await tokenOf(world)).toBe('Bearer two')
  })

  it('keep their last text while a file is away', async () => {
    await writeFile(file, 'one')
    const world = begin({ token: { file } })
    await tokenOf(world)
    await rm(file)
    await world.clock.advance(60_000)
    expect(await tokenOf(world)).toBe('Bearer one')
    await expect(tokenOf(begin({ token: { file } }))).rejects.toMatchObject({ kind: 'Unavailable' })
  })
})

describe('credentials of a plugin', () => {
  const exec = {
    apiVersion: 'client.authentication.k8s.io/v1',
    command: 'get-token',
    args: ['--now'],
    environment: { REGION: 'north' },
    provideClusterInfo: true,
    installHint: 'install get-token',
  }
  const said = (stdout: string, code = 0): CommandResult => ({ code, stdout, stderr: 'no luck' })
  const credential = (status: object) => said(JSON.stringify({ kind: 'ExecCredential', status }))

  it('are asked for once, with what the plugin needs to know', async () => {
    const runs: unknown[] = []
    const { credentials } = begin({ exec }, async (program, args, options) => {
      runs.push({ program, args, environment: options?.environment })
      return credential({ token: 'abc' })
    })
    const [first, second] = await Promise.all([credentials.current(), credentials.current()])
    expect(first.headers).toEqual({ authorization: 'Bearer abc' })
    expect(second).toEqual(first)
    expect(runs).toEqual([
      {
        program: 'get-token',
        args: ['--now'],
        environment: { REGION: 'north', KUBERNETES_EXEC_INFO: expect.stringContaining('"server":"https://a"') },
      },
    ])
  })

  it('are asked for again when they expire or are refused', async () => {
    let count = 0
    const world = begin({ exec }, async () => {
      count += 1
      const expirationTimestamp = new Date(world.clock.now() + 60_000).toISOString()
      return credential({ clientCertificateData: `cert-${count}`, clientKeyData: 'key', expirationTimestamp })
    })
    const certificate = async () => (await world.credentials.current()).clientCertificate
    expect(await certificate()).toBe('cert-1')
    await world.clock.advance(49_000)
    expect(await certificate()).toBe('cert-1')
    await world.clock.advance(1_000)
    expect(await certificate()).toBe('cert-2')
    expect(world.credentials.refused()).toBe(true)
    expect(await certificate()).toBe('cert-3')
  })

  it.each([
    ['fails', said('', 1)],
    ['says nonsense', said('hello')],
    ['says nothing of use', credential({})],
    ['gives a certificate without key', credential({ clientCertificateData: 'x' })],
  ])('are a clear failure when it %s, and asked for again', async (_what, result) => {
    const results = [result, credential({ token: 'abc' })]
    const { credentials } = begin({ exec }, async () => results.shift() ?? said(''))
    await expect(credentials.current()).rejects.toMatchObject({ kind: 'Unauthorized', remedy: 'install get-token' })
    expect((await credentials.current()).headers).toEqual({ authorization: 'Bearer abc' })
  })
})
