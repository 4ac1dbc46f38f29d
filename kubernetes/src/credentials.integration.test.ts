import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCommandRunner, runOrThrow } from '@trellis/foundation/command'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestControlPlane, type TestControlPlane } from '../testing/control-plane.ts'
import { createClient } from './client.ts'
import { inClusterKubeconfig, type Kubeconfig, loadKubeconfig } from './kubeconfig.ts'

const runner = createCommandRunner()
let directory: string
let controlPlane: TestControlPlane

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kubernetes-credentials-'))
  await issueCertificates()
  controlPlane = await startTestControlPlane({
    withControllerManager: true,
    extraArguments: [`--client-ca-file=${join(directory, 'ca.crt')}`],
  })
})
afterAll(async () => {
  await controlPlane?.[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

/** A CA and two certificates signed by it: one of an administrator, one of nobody in particular. */
async function issueCertificates(): Promise<void> {
  const openssl = (...args: string[]) => runOrThrow(runner, 'openssl', args, { directory })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  await openssl('req', '-x509', ...key, '-subj', '/CN=ca', '-days', '1', '-keyout', 'ca.key', '-out', 'ca.crt')
  for (const [name, subject] of [
    ['admin', '/O=system:masters/CN=admin'],
    ['nobody', '/CN=nobody'],
  ] as const) {
    await openssl('req', ...key, '-subj', subject, '-keyout', `${name}.key`, '-out', `${name}.csr`)
    const authority = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial']
    await openssl('x509', '-req', '-in', `${name}.csr`, ...authority, '-days', '1', '-out', `${name}.crt`)
  }
}

function clientOf(kubeconfig: Kubeconfig) {
  const clock = createVirtualClock()
  const client = createClient({ clock, kubeconfig, userAgent: 'credentials-test/0' })
  const whoAmI = async () => {
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
    const answer = JSON.parse((await client.request({ method: 'POST', path, body })).body)
    return answer.status.userInfo.username as string
  }
  return { clock, whoAmI, [Symbol.dispose]: () => client[Symbol.dispose]() }
}

async function serviceAccountToken(name: string): Promise<string> {
  const path = `/api/v1/namespaces/default/serviceaccounts/${name}/token`
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} }
  return JSON.parse((await controlPlane.client.request({ method: 'POST', path, body })).body).status.token
}

const kubeconfigOf = (user: object, cluster: object) =>
  JSON.stringify({
    'current-context': 'a',
    contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
    clusters: [{ name: 'a', cluster: { server: controlPlane.url, ...cluster } }],
    users: [{ name: 'a', user }],
  })

describe('credentials before a real API server', () => {
  it('may be a certificate, whose files are read again as they rotate', async () => {
    const place = join(directory, 'rotating')
    const put = async (name: string) => {
      await mkdir(place, { recursive: true })
      for (const suffix of ['crt', 'key']) {
        await copyFile(join(directory, `${name}.${suffix}`), join(place, `client.${suffix}`))
      }
    }
    await put('admin')
    await writeFile(join(place, 'server-ca.crt'), controlPlane.certificateAuthority)
    const text = kubeconfigOf(
      { 'client-certificate': 'client.crt', 'client-key': 'client.key' },
      { 'certificate-authority': 'server-ca.crt' },
    )
    await writeFile(join(place, 'kubeconfig'), text)
    using client = clientOf(await loadKubeconfig({ file: join(place, 'kubeconfig') }))
    expect(await client.whoAmI()).toBe('admin')
    await put('nobody')
    expect(await client.whoAmI()).toBe('admin')
    await client.clock.advance(10_000)
    expect(await client.whoAmI()).toBe('nobody')
  })

  it('may be the service account of a pod, whose token is read again as it rotates', async () => {
    const place = join(directory, 'service-account')
    await mkdir(place)
    await writeFile(join(place, 'ca.crt'), controlPlane.certificateAuthority)
    await writeFile(join(place, 'token'), await serviceAccountToken('default'))
    const { hostname, port } = new URL(controlPlane.url)
    using client = clientOf(
      await inClusterKubeconfig(place, { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port }),
    )
    expect(await client.whoAmI()).toBe('system:serviceaccount:default:default')
    await writeFile(join(place, 'token'), 'a token that is no longer good')
    await client.clock.advance(10_000)
    await expect(client.whoAmI()).rejects.toMatchObject({ kind: 'Unauthorized' })
    await writeFile(join(place, 'token'), await serviceAccountToken('default'))
    await client.clock.advance(1)
    expect(await client.whoAmI()).toBe('system:serviceaccount:default:default')
  })

  it('may come from a plugin, which is run again when they are refused', async () => {
    const place = join(directory, 'plugin')
    await mkdir(place)
    const script = join(place, 'plugin.sh')
    const say = async (token: string) => {
      const credential = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token } }
      await writeFile(join(place, 'credential'), JSON.stringify(credential))
    }
    await writeFile(script, '#!/bin/sh\necho run >> "$PLACE/runs"\ncat "$PLACE/credential"\n')
    await chmod(script, 0o700)
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: script,
      env: [{ name: 'PLACE', value: place }],
      provideClusterInfo: true,
    }
    const authority = Buffer.from(controlPlane.certificateAuthority).toString('base64')
    using client = clientOf(
      await loadKubeconfig({ text: kubeconfigOf({ exec }, { 'certificate-authority-data': authority }) }),
    )
    await say('wrong')
    await expect(client.whoAmI()).rejects.toMatchObject({ kind: 'Unauthorized' })
    await say(controlPlane.token)
    expect(await client.whoAmI()).toBe('admin')
    expect(await client.whoAmI()).toBe('admin')
    expect(await runOrThrow(runner, 'cat', [join(place, 'runs')])).toBe('run\n'.repeat(3))
  })
})
