import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { request } from 'node:https'
import { instantText } from '@trellis/api/conditions'
import { configMaps, secrets } from '@trellis/api/core/configuration'
import { nodes } from '@trellis/api/core/node'
import { endpointSlices, services } from '@trellis/api/core/service'
import { daemonSets, deployments } from '@trellis/api/core/workload'
import type { KubernetesObject, Resource } from '@trellis/api/meta'
import { tunnelReportPlace } from '@trellis/api/tunnel-report'
import { createCertificateRequest } from '@trellis/certificates/certificate-request'
import { defineFlow } from '@trellis/flow/define-flow'
import { createMemoryJournal } from '@trellis/flow/journal'
import { runFlow } from '@trellis/flow/run-flow'
import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import { createSystemRandom } from '@trellis/foundation/random'
import { type Client, createClient } from '@trellis/kubernetes/client'
import { createInformer } from '@trellis/kubernetes/informer'
import { loadKubeconfig } from '@trellis/kubernetes/kubeconfig'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RealControlPlane, startRealControlPlane } from '../testing/real-control-plane.ts'
import { chartsDirectory, helmProgram, renderChart } from '../testing/render-chart.ts'
import { createShootWorld, exampleImages, type ShootWorld } from '../testing/shoot-world.ts'
import { type CertificateSigningRequest, certificateSigningRequests } from './care/certificate-signing-request.ts'
import { createKubeletServingApprover } from './care/kubelet-serving-approver.ts'
import { localCloud } from './clouds/local.ts'
import { createHelm } from './helm.ts'
import { kubeconfigText } from './kubeconfig-text.ts'
import { ensureSecrets } from './secrets/ensure-secrets.ts'
import { addOns, systemComponentSelector } from './tasks/add-ons.ts'
import { controlPlaneValues } from './tasks/control-plane.ts'
import { frontDoorAddress } from './tasks/front-door.ts'
import { secretsSummary } from './tasks/secrets.ts'
import type { ShootServices } from './tasks/services.ts'
import { waitForObject } from './wait.ts'

const clock = createSystemClock()
const random = createSystemRandom()
const namespace = 'shoot--local--first'
const frontDoor = '198.18.0.10'
const stop = new AbortController()
let world: ShootWorld
let real: RealControlPlane

beforeAll(async () => {
  world = createShootWorld()
  const ports = { ...world.services, clock, random }
  const { checksum } = await ensureSecrets(ports, world.services.blueprint, frontDoor)
  const state = { frontDoor, checksum, credentials: '1', cloud: localCloud }
  const values = controlPlaneValues(world.services.blueprint, exampleImages, state)
  const manifests = await renderChart('shoot-control-plane', namespace, values)
  real = await startRealControlPlane({ clock, seed: world.garden, namespace, manifests })
})
afterAll(async () => {
  stop.abort()
  await real?.[Symbol.asyncDispose]()
})

/** What somebody without any credentials is answered. */
function anonymously(path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: real.port, path, rejectUnauthorized: false }
    request(options, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
}

async function clientOf(component: string): Promise<Client> {
  const text = ((await real.secret(`kubeconfig-${component}`)).kubeconfig ?? '').replace(
    /server: .*/,
    `server: ${real.url}`,
  )
  return createClient({ clock, kubeconfig: await loadKubeconfig({ text }), userAgent: 'test/0' })
}

async function eventually<Kind extends KubernetesObject>(
  resource: Resource<Kind>,
  key: { namespace?: string; name: string },
  is: (object: Kind) => boolean,
): Promise<Kind> {
  return waitForObject<Kind, Kind>({
    client: real.client,
    resource,
    key,
    signal: AbortSignal.any([stop.signal, AbortSignal.timeout(60_000)]),
    judge: (object) => (object !== undefined && is(object) ? { value: object } : { missing: 'not yet' }),
  })
}

describe('the API server with the flags of the chart', () => {
  it('answers probes without credentials and nothing else', async () => {
    for (const path of ['/livez', '/readyz', '/healthz']) expect(await anonymously(path)).toBe(200)
    for (const path of ['/api', '/version', '/metrics', '/api/v1/namespaces']) expect(await anonymously(path)).toBe(401)
  })

  it('proves itself by the authority of the cluster, for the names of the front door', async () => {
    const certificate = new X509Certificate((await real.secret('kube-apiserver-server'))['tls.crt'] ?? '')
    expect(certificate.checkIP(frontDoor)).toBe(frontDoor)
    expect(await real.client.request({ method: 'GET', path: '/readyz' })).toMatchObject({ status: 200, body: 'ok' })
  })

  it('shows pods the way through the front door', async () => {
    const service = await eventually(services, { namespace: 'default', name: 'kubernetes' }, () => true)
    expect(service.spec?.clusterIP).toBe('100.64.0.1')
    const slice = await eventually(endpointSlices, { namespace: 'default', name: 'kubernetes' }, () => true)
    expect(slice).toMatchObject({ endpoints: [{ addresses: [frontDoor] }], ports: [{ port: real.port }] })
  })
})

describe('the controller manager with the flags of the chart', () => {
  it('gives pods the authority of the cluster', async () => {
    const map = await eventually(configMaps, { namespace: 'kube-system', name: 'kube-root-ca.crt' }, () => true)
    expect(map.data?.['ca.crt']).toBe((await real.secret('ca'))['ca.crt'])
  })

  it('gives each node a range of pods', async () => {
    await real.client.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-a' } })
    const node = await eventually(nodes, { name: 'node-a' }, (one) => one.spec?.podCIDR !== undefined)
    expect(node.spec?.podCIDR).toMatch(/^100\.96\.\d+\.0\/24$/)
  })
})

describe('the add-ons', () => {
  async function install(): Promise<void> {
    const helm = createHelm({ runner: createCommandRunner(), program: helmProgram(), chartsDirectory })
    const given = <Value>(task: string, value: Value) => ({
      id: task,
      dependsOn: [],
      run: async () => value,
    })
    const flow = defineFlow<ShootServices>('add-ons', [
      { ...given('front-door', frontDoor), produces: frontDoorAddress },
      { ...given('secrets', { checksum: 'abc', certificateAuthority: 'PEM' }), produces: secretsSummary },
      { ...addOns, dependsOn: ['front-door', 'secrets'] },
    ])
    const result = await runFlow(flow, {
      clock,
      random,
      journal: createMemoryJournal(),
      run: 'one',
      services: {
        ...world.services,
        clock,
        random,
        helm,
        connectToShoot: async () => ({ client: real.client, kubeconfig: real.kubeconfig }),
      },
    })
    expect(result.errors).toEqual([])
  }

  it('are accepted by a real API server, also the second time', async () => {
    await install()
    await install()
    const selection = { namespace: 'kube-system', labelSelector: systemComponentSelector }
    const found = [
      ...(await real.client.list(deployments, selection)).items,
      ...(await real.client.list(daemonSets, selection)).items,
    ]
    expect(found.map((one) => one.metadata.name).sort()).toEqual([
      'coredns',
      'kube-proxy',
      'metrics-server',
      'vpn-shoot',
    ])
    const dns = await real.client.get(services, { namespace: 'kube-system', name: 'kube-dns' })
    expect(dns.spec?.clusterIP).toBe('100.64.0.10')
  })

  it("let the shoot's end of the tunnel report, which lasts, and do nothing else", async () => {
    const path = '/api/v1/namespaces/kube-system/serviceaccounts/vpn-shoot/token'
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } }
    const answer = await real.client.request({ method: 'POST', path, body })
    const end = await bearer(JSON.parse(answer.body).status.token)
    await end.patch(configMaps, tunnelReportPlace, { data: { 'vpn-shoot': 'all is well' } })
    await install()
    expect((await real.client.get(configMaps, tunnelReportPlace)).data).toEqual({ 'vpn-shoot': 'all is well' })
    const other = { namespace: 'kube-system', name: 'coredns' }
    await expect(end.patch(configMaps, other, { data: {} })).rejects.toMatchObject({ kind: 'Forbidden' })
    await expect(end.get(configMaps, tunnelReportPlace)).rejects.toMatchObject({ kind: 'Forbidden' })
    await expect(end.list(secrets, { namespace: 'kube-system' })).rejects.toMatchObject({ kind: 'Forbidden' })
  })

  it('let the user do everything, and our controllers what they need and no more', async () => {
    const admin = await clientOf('admin')
    expect((await admin.list(secrets, { namespace: 'kube-system' })).items.length).toBeGreaterThan(0)
    const machines = await clientOf('machine-controller-manager')
    const token = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'bootstrap-token-abcdef', namespace: 'kube-system' },
    }
    await machines.create(secrets, { ...token, type: 'bootstrap.kubernetes.io/token', stringData: bootstrapToken() })
    await expect(machines.list(secrets, { namespace: 'default' })).rejects.toMatchObject({ kind: 'Forbidden' })
    const cloud = await clientOf('cloud-controller-manager')
    expect((await cloud.list(nodes)).items.length).toBe(1)
    await expect(cloud.list(secrets)).rejects.toMatchObject({ kind: 'Forbidden' })
  })

  it('let a machine join with its token, and its certificates be signed', async () => {
    const machine = await bearer('abcdef.0123456789abcdef')
    const { certificate, key } = await askFor(machine, {
      signer: 'kubernetes.io/kube-apiserver-client-kubelet',
      commonName: 'system:node:node-a',
      usages: ['digital signature', 'client auth'],
    })
    const authority = new X509Certificate((await real.secret('ca-client'))['ca.crt'] ?? '')
    expect(new X509Certificate(certificate).checkIssued(authority)).toBe(true)
    const node = await nodeClient(certificate, key)
    expect((await node.get(nodes, { name: 'node-a' })).metadata.name).toBe('node-a')
    await serveAs(node)
  })

  it('let machines write join reports and nothing else', async () => {
    const machine = await bearer('abcdef.0123456789abcdef')
    const map = (name: string) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace: 'kube-system' },
    })
    // The policy becomes active a moment after it was made.
    const end = clock.now() + 30_000
    const attempt = () =>
      machine
        .patch(configMaps, { namespace: 'kube-system', name: 'coredns' }, { data: { x: 'y' } })
        .then(() => 'done', String)
    let answer = await attempt()
    while (!/named trellis-join/.test(answer) && clock.now() < end) answer = await attempt()
    expect(answer).toMatch(/named trellis-join/)
    await machine.apply(configMaps, { ...map('trellis-join-node-a'), data: { report: '{}' } })
    await expect(machine.create(configMaps, map('other'))).rejects.toThrow(/trellis-join/)
    await expect(machine.list(secrets, { namespace: 'kube-system' })).rejects.toMatchObject({ kind: 'Forbidden' })

    const { certificate, key } = await askFor(machine, {
      signer: 'kubernetes.io/kube-apiserver-client-kubelet',
      commonName: 'system:node:node-a',
      usages: ['digital signature', 'client auth'],
    })
    const node = await nodeClient(certificate, key)
    const reportOf = (name: string, nodeName: string) => {
      const { metadata, ...rest } = map(`trellis-join-${name}`)
      return { ...rest, metadata: { ...metadata, annotations: { 'trellis.internal/node': nodeName } } }
    }
    await node.apply(configMaps, map('trellis-join-node-a'))
    await machine.apply(configMaps, reportOf('machine-a', 'node-a'))
    await node.apply(configMaps, { ...reportOf('machine-a', 'node-a'), data: { report: '{}' } })
    await machine.apply(configMaps, reportOf('machine-b', 'node-b'))
    await expect(node.apply(configMaps, reportOf('machine-b', 'node-a'))).rejects.toThrow(/its own join report/)
    await expect(node.apply(configMaps, map('trellis-join-node-b'))).rejects.toThrow(/its own join report/)
  })
})

function bootstrapToken(): Record<string, string> {
  return {
    'token-id': 'abcdef',
    'token-secret': '0123456789abcdef',
    expiration: instantText(clock.now() + 3_600_000),
    'usage-bootstrap-authentication': 'true',
    'usage-bootstrap-signing': 'true',
  }
}

async function bearer(token: string): Promise<Client> {
  const certificateAuthority = { text: (await real.secret('ca'))['ca.crt'] ?? '' }
  const kubeconfig = { server: real.url, certificateAuthority, skipTlsVerify: false, user: { token: { text: token } } }
  return createClient({ clock, kubeconfig, userAgent: 'test/0' })
}

interface Asked {
  readonly signer: string
  readonly commonName: string
  readonly usages: string[]
  readonly dnsNames?: readonly string[]
  readonly ipAddresses?: readonly string[]
}

/** Asks a signer as a kubelet does and waits for the certificate. */
async function askFor(client: Client, asked: Asked): Promise<{ certificate: string; key: string }> {
  const { pem, key } = await requestWithKey(asked)
  const created = await client.create<CertificateSigningRequest>(certificateSigningRequests, {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: `csr-${random.text(6)}` },
    spec: { request: Buffer.from(pem).toString('base64'), signerName: asked.signer, usages: asked.usages },
  })
  const signed = await eventually(certificateSigningRequests, { name: created.metadata.name }, (one) => {
    const denied = one.status?.conditions?.find((condition) => condition.type === 'Denied')
    if (denied !== undefined) throw new Failure('Invalid', denied.message ?? 'denied')
    return one.status?.certificate !== undefined
  })
  return { certificate: Buffer.from(signed.status?.certificate ?? '', 'base64').toString(), key }
}

async function requestWithKey(asked: Asked): Promise<{ pem: string; key: string }> {
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  const pem = await createCertificateRequest({ ...asked, organizations: ['system:nodes'], privateKey })
  return { pem, key: privateKey }
}

async function nodeClient(certificate: string, privateKey: string): Promise<Client> {
  const text = kubeconfigText({
    name: 'node',
    server: real.url,
    certificateAuthority: (await real.secret('ca'))['ca.crt'] ?? '',
    client: { certificate, privateKey },
  })
  return createClient({ clock, kubeconfig: await loadKubeconfig({ text }), userAgent: 'test/0' })
}

/** The node asks for serving certificates: an honest one is signed, another is denied. */
async function serveAs(node: Client): Promise<void> {
  const log = createSilentLog()
  const requests = createInformer({ client: real.client, resource: certificateSigningRequests, clock, random, log })
  const approver = createKubeletServingApprover({
    clock,
    random,
    log,
    client: real.client,
    requests,
    findServer: async () => ({ addresses: ['10.250.0.2'] }),
  })
  const own = new AbortController()
  const running = Promise.all([requests.run(own.signal), approver.run(own.signal)])
  const asked = {
    signer: 'kubernetes.io/kubelet-serving',
    commonName: 'system:node:node-a',
    usages: ['digital signature', 'server auth'],
  }
  try {
    const { certificate } = await askFor(node, { ...asked, dnsNames: ['node-a'], ipAddresses: ['10.250.0.2'] })
    const authority = new X509Certificate((await real.secret('ca-kubelet'))['ca.crt'] ?? '')
    expect(new X509Certificate(certificate).checkIssued(authority)).toBe(true)
    await expect(askFor(node, { ...asked, ipAddresses: ['10.250.0.9'] })).rejects.toThrow(/no address of server/)
  } finally {
    own.abort()
    await running
  }
}
