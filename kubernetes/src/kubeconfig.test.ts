import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inClusterKubeconfig, loadKubeconfig } from './kubeconfig.ts'

const base64 = (text: string) => Buffer.from(text).toString('base64')

const yaml = `
apiVersion: v1
kind: Config
current-context: first
preferences: {}
contexts:
- name: first
  context: {cluster: one, user: admin, namespace: team}
- name: second
  context: {cluster: two, user: plugin}
- name: third
  context: {cluster: two, user: files}
clusters:
- name: one
  cluster:
    server: https://one.example:6443/
    certificate-authority-data: ${base64('the CA')}
    tls-server-name: kubernetes
    extensions: [{name: x, extension: {}}]
- name: two
  cluster: {server: 'https://two.example', insecure-skip-tls-verify: true}
users:
- name: admin
  user:
    client-certificate-data: ${base64('cert')}
    client-key-data: ${base64('key')}
- name: plugin
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: get-token
      args: [--cluster, two]
      env: [{name: REGION, value: north}]
      installHint: install get-token
      provideClusterInfo: true
- name: files
  user: {tokenFile: token, client-certificate: /abs/cert, client-key: rel/key, as: someone, as-groups: [a, b]}
`

describe('a kubeconfig', () => {
  it('gives its current context', async () => {
    expect(await loadKubeconfig({ text: yaml })).toEqual({
      server: 'https://one.example:6443',
      certificateAuthority: { text: 'the CA' },
      tlsServerName: 'kubernetes',
      skipTlsVerify: false,
      namespace: 'team',
      user: { clientCertificate: { text: 'cert' }, clientKey: { text: 'key' } },
    })
  })

  it('gives any other context', async () => {
    expect(await loadKubeconfig({ text: yaml, context: 'second' })).toEqual({
      server: 'https://two.example',
      skipTlsVerify: true,
      user: {
        exec: {
          apiVersion: 'client.authentication.k8s.io/v1',
          command: 'get-token',
          args: ['--cluster', 'two'],
          environment: { REGION: 'north' },
          installHint: 'install get-token',
          provideClusterInfo: true,
        },
      },
    })
  })

  describe('in a file', () => {
    let directory: string
    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'kubernetes-kubeconfig-'))
      await writeFile(join(directory, 'config'), yaml)
    })
    afterAll(() => rm(directory, { recursive: true }))

    it('names files beside it', async () => {
      const { user } = await loadKubeconfig({ file: join(directory, 'config'), context: 'third' })
      expect(user).toEqual({
        token: { file: join(directory, 'token') },
        clientCertificate: { file: '/abs/cert' },
        clientKey: { file: join(directory, 'rel/key') },
        impersonate: { user: 'someone', groups: ['a', 'b'] },
      })
    })

    it('is missed when it is not there', async () => {
      await expect(loadKubeconfig({ file: join(directory, 'nothing') })).rejects.toMatchObject({ kind: 'NotFound' })
    })
  })

  it('may be JSON', async () => {
    const text = JSON.stringify({
      'current-context': 'a',
      contexts: [{ name: 'a', context: { cluster: 'a' } }],
      clusters: [{ name: 'a', cluster: { server: 'http://127.0.0.1:8080' } }],
    })
    expect(await loadKubeconfig({ text })).toEqual({ server: 'http://127.0.0.1:8080', skipTlsVerify: false, user: {} })
  })

  const broken = (change: (config: Record<string, unknown>) => void) => {
    const config = {
      'current-context': 'a',
      contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
      clusters: [{ name: 'a', cluster: { server: 'https://a' } as object }],
      users: [{ name: 'a', user: {} as object }],
    }
    change(config)
    return JSON.stringify(config)
  }
  const withUser = (user: unknown) => broken((config) => Object.assign(config, { users: [{ name: 'a', user }] }))
  const withCluster = (cluster: unknown) =>
    broken((config) => Object.assign(config, { clusters: [{ name: 'a', cluster }] }))

  it.each([
    ['has no current context', broken((config) => delete config['current-context']), 'current-context'],
    ['names a context that is not there', broken((config) => Object.assign(config, { contexts: [] })), 'contexts'],
    ['names a user that is not there', broken((config) => Object.assign(config, { users: [] })), 'users'],
    ['has contexts that are no list', broken((config) => Object.assign(config, { contexts: {} })), 'contexts'],
    ['has a cluster without server', withCluster({}), 'clusters[0].cluster.server'],
    ['has a server that is no URL', withCluster({ server: 'localhost:6443' }), 'clusters[0].cluster.server'],
    ['wants a proxy', withCluster({ server: 'https://a', 'proxy-url': 'http://p' }), 'clusters[0].cluster.proxy-url'],
    ['has a token that is a number', withUser({ token: 5 }), 'users[0].user.token'],
    ['has a certificate without key', withUser({ 'client-certificate': 'x' }), 'users[0].user.client-key'],
    ['has a key without certificate', withUser({ 'client-key': 'x' }), 'users[0].user.client-certificate'],
    ['has an auth provider', withUser({ 'auth-provider': { name: 'gcp' } }), 'users[0].user.auth-provider'],
    ['has a plugin without command', withUser({ exec: { apiVersion: 'v1' } }), 'users[0].user.exec.command'],
    ['has a user without password', withUser({ username: 'x' }), 'users[0].user.password'],
    ['is a list', '[]', 'kubeconfig'],
  ])('that %s is refused by name', async (_what, text, field) => {
    await expect(loadKubeconfig({ text })).rejects.toMatchObject({ kind: 'Invalid', field })
  })

  it('that is neither JSON nor YAML is refused', async () => {
    await expect(loadKubeconfig({ text: '{a: [' })).rejects.toMatchObject({ kind: 'Invalid' })
  })
})

describe('the kubeconfig of a pod', () => {
  it('comes from the service account', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'kubernetes-pod-'))
    await writeFile(join(directory, 'namespace'), 'team\n')
    const environment = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' }
    expect(await inClusterKubeconfig(directory, environment)).toEqual({
      server: 'https://[fd00::1]:443',
      certificateAuthority: { file: join(directory, 'ca.crt') },
      skipTlsVerify: false,
      namespace: 'team',
      user: { token: { file: join(directory, 'token') } },
    })
    await rm(directory, { recursive: true })
  })

  it('is refused outside of pods', async () => {
    await expect(inClusterKubeconfig('/nowhere', {})).rejects.toMatchObject({
      kind: 'Invalid',
      remedy: expect.stringContaining('pod'),
    })
  })
})
