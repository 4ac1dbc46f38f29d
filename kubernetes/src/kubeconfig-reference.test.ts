import { KubeConfig } from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import { type Kubeconfig, loadKubeconfig, type TextSource } from './kubeconfig.ts'

/**
 * Loading all of `@kubernetes/client-node` costs a process seconds and tens of MiB, so kubeconfigs are read here without it.
 * These tests hold our reading to that of the reference. Left out is `tokenFile`, which the reference overlooks and kubectl honours.
 */
const base64 = (text: string) => Buffer.from(text).toString('base64')
const users: Record<string, object> = {
  token: { token: 'abc' },
  certificate: { 'client-certificate-data': base64('cert'), 'client-key-data': base64('key') },
  'certificate-files': { 'client-certificate': '/etc/cert', 'client-key': '/etc/key' },
  'data-before-files': {
    'client-certificate-data': base64('cert'),
    'client-certificate': '/etc/cert',
    'client-key-data': base64('key'),
    'client-key': '/etc/key',
  },
  password: { username: 'a', password: 'b' },
  plugin: { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'get-token', args: ['a'], env: [] } },
  impersonating: { token: 'abc', as: 'someone' },
}
const clusters: Record<string, object> = {
  data: { server: 'https://a.example:6443', 'certificate-authority-data': base64('CA') },
  file: { server: 'https://a.example:6443/prefix', 'certificate-authority': '/etc/ca' },
  insecure: { server: 'https://a.example', 'insecure-skip-tls-verify': true, 'tls-server-name': 'other' },
  plain: { server: 'http://127.0.0.1:8080' },
}
const contexts = Object.keys(users).flatMap((user) =>
  Object.keys(clusters).map((cluster) => ({
    name: `${user}@${cluster}`,
    context: { user, cluster, namespace: 'team' },
  })),
)
const text = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': contexts[0]?.name,
  contexts,
  clusters: Object.entries(clusters).map(([name, cluster]) => ({ name, cluster })),
  users: Object.entries(users).map(([name, user]) => ({ name, user })),
})

describe('a kubeconfig is read as the reference reads it', () => {
  it.each(contexts.map(({ name }) => name))('in context %s', async (context) => {
    const reference = new KubeConfig()
    reference.loadFromString(text)
    reference.setCurrentContext(context)
    expect(summary(await loadKubeconfig({ text, context }))).toEqual(referenceSummary(reference))
  })
})

function summary({ server, skipTlsVerify, tlsServerName, namespace, certificateAuthority, user }: Kubeconfig) {
  return {
    server,
    skipTlsVerify,
    tlsServerName,
    namespace,
    certificateAuthority: sourceText(certificateAuthority),
    clientCertificate: sourceText(user.clientCertificate),
    clientKey: sourceText(user.clientKey),
    token: sourceText(user.token),
    username: user.basic?.username,
    password: user.basic?.password,
    command: user.exec?.command,
    impersonate: user.impersonate?.user,
  }
}

function sourceText(source: TextSource | undefined): string | undefined {
  if (source === undefined) return undefined
  return 'text' in source ? `text ${source.text}` : `file ${source.file}`
}

function referenceSummary(reference: KubeConfig): ReturnType<typeof summary> {
  const cluster = reference.getCurrentCluster()
  const user = reference.getCurrentUser()
  const source = (data: string | undefined, file: string | undefined) => {
    if (data !== undefined) return `text ${Buffer.from(data, 'base64')}`
    return file === undefined ? undefined : `file ${file}`
  }
  return {
    server: cluster?.server ?? '',
    skipTlsVerify: cluster?.skipTLSVerify ?? false,
    tlsServerName: cluster?.tlsServerName,
    namespace: reference.getContextObject(reference.getCurrentContext())?.namespace,
    certificateAuthority: source(cluster?.caData, cluster?.caFile),
    clientCertificate: source(user?.certData, user?.certFile),
    clientKey: source(user?.keyData, user?.keyFile),
    token: user?.token && `text ${user.token}`,
    username: user?.username,
    password: user?.password,
    command: user?.exec?.command,
    impersonate: user?.impersonateUser,
  }
}
