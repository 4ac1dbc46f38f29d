import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createCertificateMaker } from '@trellis/certificates/authority'
import { createSystemClock } from '@trellis/foundation/clock'
import { describe as textOf } from '@trellis/foundation/failure'
import { createGate } from '@trellis/foundation/gate'
import { createSystemRandom } from '@trellis/foundation/random'
import { startTestControlPlane, type TestControlPlane } from '@trellis/kubernetes/testing/control-plane'
import {
  aggregatedApi,
  type Creation,
  nodeAt,
  serviceWith,
  validatingWebhook,
} from '@trellis/kubernetes/testing/extensions'
import { freePort } from '@trellis/kubernetes/testing/free-port'
import { startProgram } from '@trellis/kubernetes/testing/program'
import { eventually } from 'node-wireguard/testing/eventually'
import { type Laboratory, type Namespace, openLaboratory } from 'node-wireguard/testing/namespaces'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { prepareEndpoint } from '../../testing/endpoint-program.ts'

// A seed and a shoot, each a network namespace with a cable between them. The API server runs outside of both: the endpoint is its only way to the shoot.
const service = '10.0.0.50'
const node = '100.96.0.3'
const clock = createSystemClock()
const stack = new AsyncDisposableStack()
let directory: string
let laboratory: Laboratory
let seed: Namespace
let plane: TestControlPlane
let authority: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'egress-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  laboratory = stack.use(openLaboratory())
  seed = await laboratory.namespace('seed')
  await startShoot()
  const configuration = await startEndpoint()
  plane = stack.use(await startTestControlPlane({ extraArguments: [`--egress-selector-config-file=${configuration}`] }))
})
afterAll(() => stack[Symbol.asyncDispose]())

async function startShoot(): Promise<void> {
  const shoot = await laboratory.namespace('shoot')
  const cable = { in: seed, interfaceName: 'eth0', address: '10.0.0.1/24' }
  await laboratory.cable(cable, { in: shoot, interfaceName: 'eth0', address: `${service}/24` })
  await shoot.run('ip', 'address', 'add', `${node}/24`, 'dev', 'eth0')
  await seed.run('ip', 'address', 'add', '100.96.0.1/24', 'dev', 'eth0')
  const maker = createCertificateMaker({ clock, random: createSystemRandom() })
  const ca = await maker.createAuthority('shoot')
  authority = ca.certificate
  const dnsNames = ['hook.default.svc']
  const pair = await maker.issue(ca, { commonName: 'hook', usages: ['server'], dnsNames, ipAddresses: [node] })
  const [certificateFile, keyFile] = [join(directory, 'hook.crt'), join(directory, 'hook.key')]
  await writeFile(certificateFile, pair.certificate)
  await writeFile(keyFile, pair.privateKey, { mode: 0o600 })
  const program = fileURLToPath(new URL('../../testing/shoot-server.ts', import.meta.url))
  const places = [`${service}:443`, `${node}:10250`]
  const server = shoot.start(process.execPath, [program, certificateFile, keyFile, ...places])
  let said = ''
  for (const output of [server.stdout, server.stderr]) output?.on('data', (bytes) => (said += String(bytes)))
  await eventually('the shoot', () => (said.includes('ready') ? true : undefined))
}

/** Starts the endpoint in the seed's namespace and a way to it for the API server, and writes the API server's configuration of it. */
async function startEndpoint(): Promise<string> {
  const port = await freePort()
  const socket = join(directory, 'endpoint.sock')
  const networks = { services: ['10.0.0.0/24'], pods: ['100.96.0.0/24'] }
  const prepared = await prepareEndpoint({ directory, port: 9443, healthPort: 9111, networks })
  seed.start(process.execPath, prepared.args)
  seed.start('socat', ['-t2', `UNIX-LISTEN:${socket},fork`, 'TCP:127.0.0.1:9443'])
  const listen = `TCP-LISTEN:${port},bind=127.0.0.1,fork,reuseaddr`
  stack.use(startProgram(clock, 'socat', ['-t2', listen, `UNIX-CONNECT:${socket}`]))
  const { authority: ca, caller } = prepared.identities
  const files = { caBundle: 'egress-ca.crt', clientCert: 'egress.crt', clientKey: 'egress.key' }
  for (const [file, text] of [
    [files.caBundle, ca],
    [files.clientCert, caller.certificate],
    [files.clientKey, caller.privateKey],
  ] as const) {
    await writeFile(join(directory, file), text, { mode: 0o600 })
  }
  const tlsConfig = Object.fromEntries(Object.entries(files).map(([key, file]) => [key, join(directory, file)]))
  const transport = { tcp: { url: `https://127.0.0.1:${port}`, tlsConfig } }
  const configuration = {
    apiVersion: 'apiserver.k8s.io/v1beta1',
    kind: 'EgressSelectorConfiguration',
    egressSelections: [{ name: 'cluster', connection: { proxyProtocol: 'HTTPConnect', transport } }],
  }
  const path = join(directory, 'egress.json')
  await writeFile(path, JSON.stringify(configuration))
  await eventually('the endpoint', async () => ((await metrics()) === '' ? undefined : true))
  return path
}

function metrics(): Promise<string> {
  return seed.run('curl', '-sf', 'http://127.0.0.1:9111/metrics')
}

async function send(method: 'GET' | 'POST', path: string, body?: object): Promise<string> {
  const answer = await plane.client.request({ method, path, body }).catch((error: unknown) => textOf(error))
  return typeof answer === 'string' ? answer : answer.body
}

async function applyAll(objects: readonly Creation[]): Promise<void> {
  for (const [path, body] of objects) await plane.client.request({ method: 'POST', path, body })
}

/** A node whose kubelet is at this address. */
function addNode(name: string, address: string): Promise<void> {
  return applyAll([nodeAt(name, address)])
}

describe('an API server outside the tunnel', () => {
  it('asks webhooks in the shoot', async () => {
    await applyAll([...serviceWith('hook', service, node), validatingWebhook({ service: 'hook', authority }, 5)])
    const create = (name: string) =>
      send('POST', '/api/v1/namespaces/default/configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } })
    const denial = 'admission webhook "hook.example.com" denied the request: said by the shoot'
    await eventually('the denial', async () => ((await create('forbidden')).includes(denial) ? true : undefined))
    expect(JSON.parse(await create('allowed'))).toMatchObject({ kind: 'ConfigMap' })
  })

  it('serves APIs of the shoot', async () => {
    await applyAll([aggregatedApi({ service: 'hook', authority }, 'golden.example')])
    const things = await eventually(
      'the API',
      async () => {
        const answer = await send('GET', '/apis/golden.example/v1/things')
        return answer.includes('ThingList') ? answer : undefined
      },
      60_000,
    )
    expect(JSON.parse(things)).toEqual({
      kind: 'ThingList',
      apiVersion: 'golden.example/v1',
      items: ['said by the shoot'],
    })
  })

  it('asks kubelets', async () => {
    await addNode('inside', node)
    expect(await send('GET', '/api/v1/nodes/inside/proxy/golden')).toBe('a kubelet was asked for /golden')
  })

  it('asks them a thousand times at once, and webhooks too', async () => {
    const gate = createGate(100)
    const storm = <Value>(ask: (index: number) => Promise<Value>) =>
      Promise.all(Array.from({ length: 1000 }, (_, index) => gate(() => ask(index))))
    const kinds = await storm(async (index) => {
      const metadata = { name: `storm-${index}` }
      const path = '/api/v1/namespaces/default/configmaps?dryRun=All'
      return JSON.parse(await send('POST', path, { apiVersion: 'v1', kind: 'ConfigMap', metadata })).kind
    })
    expect(new Set(kinds)).toEqual(new Set(['ConfigMap']))
    const said = await storm((index) => send('GET', `/api/v1/nodes/inside/proxy/golden-${index}`))
    expect(said).toEqual(said.map((_, index) => `a kubelet was asked for /golden-${index}`))
  })

  it('reads 100,000 lines of a log, again and again', async () => {
    const whole = Array.from({ length: 100_000 }, (_, line) => `line ${line}\n`).join('')
    for (let count = 0; count < 5; count++) {
      const log = await send('GET', '/api/v1/nodes/inside/proxy/log')
      expect(log === whole, `${log.length} of ${whole.length} characters`).toBe(true)
    }
  })

  it('is told why a destination is refused, and shows it', async () => {
    await addNode('outside', '192.0.2.1')
    await addNode('nobody', '100.96.0.77')
    await seed.run('ip', 'route', 'add', 'unreachable', '100.96.0.77/32')
    const [outside, nobody] = await Promise.all(
      ['outside', 'nobody'].map((name) => send('GET', `/api/v1/nodes/${name}/proxy/golden`)),
    )
    expect(outside).toContain('Forbidden: the destination is in none of the networks of the shoot')
    expect(nobody).toContain('Bad Gateway: there is no way to the destination')
  })

  it('had no other way: the endpoint has carried all of it', async () => {
    const text = await metrics()
    expect(Number(/^trellis_vpn_connect_opened_total (\d+)$/m.exec(text)?.[1])).toBeGreaterThanOrEqual(3)
    expect(text).toMatch(/^trellis_vpn_connect_failed_total\{reason="forbidden"\} [1-9]/m)
    await seed.run('ip', 'link', 'set', 'dev', 'eth0', 'down')
    await addNode('late', '100.96.0.5')
    expect(await send('GET', '/api/v1/nodes/late/proxy/golden')).toContain('there is no way to the destination')
  })
})
