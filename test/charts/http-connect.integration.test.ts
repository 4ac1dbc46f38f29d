import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { secrets } from '@trellis/api/core/configuration'
import { localCloud } from '@trellis/cluster-bootstrap/clouds/local'
import { ensureSecrets } from '@trellis/cluster-bootstrap/secrets/ensure-secrets'
import { decodeSecret } from '@trellis/cluster-bootstrap/secrets/secret-store'
import { controlPlaneValues } from '@trellis/cluster-bootstrap/tasks/control-plane'
import { type Manifest, renderChart } from '@trellis/cluster-bootstrap/testing/render-chart'
import { createShootWorld, exampleImages } from '@trellis/cluster-bootstrap/testing/shoot-world'
import { createSystemClock } from '@trellis/foundation/clock'
import { freePort } from '@trellis/kubernetes/testing/free-port'
import { startProgram } from '@trellis/kubernetes/testing/program'
import { call } from '@trellis/vpn-seed/testing/caller'
import { eventually } from 'node-wireguard/testing/eventually'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { repository } from '../architecture/sources.ts'

// What cluster-bootstrap makes, what the chart mounts and what the program reads belong to three rooms. Here they meet: the program runs with the chart's own configuration.
const namespace = 'shoot--local--first'
const frontDoor = '198.18.0.10'
const clock = createSystemClock()
const stack = new AsyncDisposableStack()
let directory: string
let port: number
let configuration: string
let made: (name: string) => Promise<Readonly<Record<string, string>>>

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'chart-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  const { garden, services } = createShootWorld()
  const ports = { ...services, httpConnect: true }
  const { checksum } = await ensureSecrets(ports, services.blueprint, frontDoor)
  made = async (name) => decodeSecret(await garden.get(secrets, { namespace, name }))
  const state = { frontDoor, checksum, credentials: '1', cloud: localCloud, httpConnect: true }
  const values = controlPlaneValues(services.blueprint, exampleImages, state)
  const manifests = await renderChart('shoot-control-plane', namespace, values)
  port = await freePort()
  const healthPort = await freePort()
  configuration = await layOut(manifests, (text) => text.replace('9443', `${port}`).replace('9111', `${healthPort}`))
  const program = join(repository, 'vpn-seed/src/main.ts')
  const running = stack.use(startProgram(clock, process.execPath, [program, 'http-connect', '--config', configuration]))
  await eventually('the endpoint', async () => {
    if (running.hasEnded()) return running.lastWords()
    return (await fetch(`http://127.0.0.1:${healthPort}/readyz`)).ok ? true : undefined
  })
})
afterAll(() => stack[Symbol.asyncDispose]())

/** Writes the files that the container would see, and returns the path of its configuration. */
async function layOut(manifests: readonly Manifest[], here: (text: string) => string): Promise<string> {
  const pod = manifests.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'vpn-seed')
  const { containers = [], volumes = [] } = pod?.spec?.template?.spec ?? {}
  const container = containers.find(({ name }) => name === 'http-connect')
  const places = new Map<string, string>()
  for (const { name, mountPath } of container?.volumeMounts ?? []) {
    const volume = volumes.find((one) => one.name === name)
    const place = join(directory, name)
    places.set(mountPath, place)
    const map = manifests.find((one) => one.kind === 'ConfigMap' && one.metadata.name === volume?.configMap?.name)
    const files = volume?.secret === undefined ? (map?.data ?? {}) : await made(volume.secret.secretName)
    await writeAll(place, files)
  }
  const config = join(places.get('/etc/http-connect') ?? '', 'config.json')
  const text = manifests.find(({ metadata, data }) => metadata.name === 'http-connect' && data !== undefined)?.data
  const moved = [...places].reduce(
    (result, [from, to]) => result.replaceAll(`"${from}/`, `"${to}/`),
    text?.['config.json'] ?? '',
  )
  await writeFile(config, here(moved))
  expect(container?.args).toEqual(['http-connect', '--config', '/etc/http-connect/config.json'])
  return config
}

async function writeAll(place: string, files: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(place, { recursive: true })
  for (const [name, text] of Object.entries(files)) await writeFile(join(place, name), text, { mode: 0o600 })
}

describe('http-connect of a control plane', () => {
  it('lets in the API server with its Secret, by the name of the Service, and out into the shoot alone', async () => {
    const [authority, client] = await Promise.all([made('ca-http-connect'), made('http-connect-client')])
    const caller = { certificate: client['tls.crt'] ?? '', privateKey: client['tls.key'] ?? '' }
    const identities = { authority: authority['ca.crt'] ?? '', caller }
    const outside = await call(port, identities, '10.0.0.1:443', { serverName: 'vpn-seed' })
    expect(outside.statusLine).toContain('403')
    const { networks } = JSON.parse(await readFile(configuration, 'utf8'))
    const { nodes, pods, services } = createShootWorld().services.blueprint.networks
    expect(networks).toEqual({ nodes: [nodes], pods: [pods], services: [services] })
  })

  it('lets in nobody by the certificate that the API server has for others', async () => {
    const [authority, client] = await Promise.all([made('ca-http-connect'), made('kube-apiserver-kubelet-client')])
    const caller = { certificate: client['tls.crt'] ?? '', privateKey: client['tls.key'] ?? '' }
    const identities = { authority: authority['ca.crt'] ?? '', caller }
    await expect(call(port, identities, '100.96.0.3:10250', { serverName: 'vpn-seed' })).rejects.toThrow()
  })
})
