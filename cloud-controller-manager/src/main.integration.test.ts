import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { namespaces } from '@trellis/api/core/configuration'
import { events } from '@trellis/api/core/event'
import { nodes } from '@trellis/api/core/node'
import { services } from '@trellis/api/core/service'
import { type RealCloud, startRealCloud } from '@trellis/cloudprovider/local/testing/real-cloud'
import { startTestControlPlane, type TestControlPlane } from '@trellis/kubernetes/testing/control-plane'
import { freePort } from '@trellis/kubernetes/testing/free-port'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { frontDoor, readyNode } from '../testing/world.ts'

const key = { namespace: 'shoot', name: 'kube-apiserver' }
const patient = { timeout: 20_000 }

let cluster: TestControlPlane
let cloud: RealCloud
let directory: string
let manager: ChildProcess
let port: number

/** Each is owned as soon as it is there, so that a later one that fails leaves nothing behind. */
const owned = new AsyncDisposableStack()

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cloud-controller-manager-'))
  owned.defer(() => rm(directory, { recursive: true, force: true }))
  cluster = owned.use(await startTestControlPlane())
  cloud = owned.use(await startRealCloud())
  await writeFile(join(directory, 'kubeconfig'), cluster.kubeconfig)
  await cloud.client.createNetwork({ name: 'net', cidr: '10.250.0.0/16' })
  await cluster.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shoot' } })
  port = await freePort()
  await Promise.all(['node-a', 'node-b'].map((name) => cloud.addServer('net', name)))
  await cluster.client.create(nodes, readyNode('node-a', { podCIDR: '100.96.0.0/24' }))
  await writeReady('node-a')
})

afterAll(() => owned.disposeAsync())

beforeEach(() => startManager())
afterEach(() => stopManager('SIGTERM'))

async function startManager(): Promise<void> {
  manager = spawn(
    process.execPath,
    [
      join(import.meta.dirname, 'main.ts'),
      `--kubeconfig=${join(directory, 'kubeconfig')}`,
      `--cloud-credentials=${cloud.credentialsDirectory}`,
      '--cluster-name=shoot--local--first',
      '--network=net',
      '--controllers=service,route',
      `--port=${port}`,
    ],
    { stdio: 'ignore' },
  )
  await vi.waitFor(async () => expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200), patient)
}

async function stopManager(signal: NodeJS.Signals): Promise<number | null> {
  if (manager.exitCode !== null || manager.signalCode !== null) return manager.exitCode
  const ended = once(manager, 'exit')
  manager.kill(signal)
  const [code] = await ended
  return code as number | null
}

/** A status cannot be set while a Node is made. */
async function writeReady(name: string): Promise<void> {
  const { status } = readyNode(name)
  await cluster.client.patch(nodes, { name }, { status }, { type: 'strategic', subresource: 'status' })
}

async function address(): Promise<string | undefined> {
  return (await cluster.client.get(services, key)).status?.loadBalancer?.ingress?.[0]?.ip
}

async function targets(): Promise<readonly string[]> {
  const servers = new Map((await cloud.client.listServers()).map(({ id, name }) => [id, name]))
  const balancers = await cloud.client.listLoadBalancers()
  return balancers.flatMap((balancer) => balancer.targets.map((id) => servers.get(id) ?? id)).sort()
}

async function routes(): Promise<readonly string[]> {
  const [network] = await cloud.client.listNetworks({ name: 'net' })
  return (await cloud.client.listRoutes(network?.id ?? '')).map(({ destination }) => destination).sort()
}

it('serves a cluster from the first Service to the last', async () => {
  await cluster.client.create(services, frontDoor())
  await vi.waitFor(async () => expect(await address()).toMatch(/^198\.19\./), patient)
  expect(await targets()).toEqual(['node-a'])
  await vi.waitFor(async () => expect(await routes()).toEqual(['100.96.0.0/24']), patient)
  await vi.waitFor(async () => {
    const node = await cluster.client.get(nodes, { name: 'node-a' })
    const conditions = node.status?.conditions?.map(({ type, status }) => `${type}=${status}`).sort()
    expect(conditions).toEqual(['NetworkUnavailable=False', 'Ready=True'])
  }, patient)

  await cluster.client.create(nodes, readyNode('node-b', { podCIDR: '100.96.1.0/24' }))
  await writeReady('node-b')
  await vi.waitFor(async () => expect(await targets()).toEqual(['node-a', 'node-b']), patient)
  await vi.waitFor(async () => expect(await routes()).toEqual(['100.96.0.0/24', '100.96.1.0/24']), patient)

  await vi.waitFor(async () => {
    const { items } = await cluster.client.list(events, { namespace: 'shoot' })
    expect(items.map(({ reason }) => reason)).toContain('EnsuredLoadBalancer')
  }, patient)
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  expect(metrics).toContain('trellis_workqueue_adds_total{name="service"}')
})

it('killed at once, it makes nothing twice and finds what went away meanwhile', async () => {
  const before = await address()
  await stopManager('SIGKILL')
  await cluster.client.delete(nodes, { name: 'node-b' })
  await startManager()
  await vi.waitFor(async () => expect(await targets()).toEqual(['node-a']), patient)
  await vi.waitFor(async () => expect(await routes()).toEqual(['100.96.0.0/24']), patient)
  expect(await address()).toBe(before)
  expect(await cloud.client.listLoadBalancers()).toHaveLength(1)

  await stopManager('SIGKILL')
  // Somebody tears the Service away, finalizer and all.
  await cluster.client.delete(services, key)
  await cluster.client.patch(services, key, { metadata: { finalizers: null } }, { type: 'merge' })
  await startManager()
  await vi.waitFor(async () => expect(await cloud.client.listLoadBalancers()).toEqual([]), patient)
})

it('takes a load balancer away with its Service, and ends in good order', async () => {
  await cluster.client.create(services, frontDoor())
  await vi.waitFor(async () => expect(await address()).toBeDefined(), patient)
  await cluster.client.delete(services, key)
  await vi.waitFor(async () => expect(await cluster.client.find(services, key)).toBeUndefined(), patient)
  expect(await cloud.client.listLoadBalancers()).toEqual([])
  expect(await stopManager('SIGTERM')).toBe(0)
})

it('says in one line what is wrong with its flags', async () => {
  const program = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), '--network=net'])
  let said = ''
  program.stderr.on('data', (chunk: Buffer) => {
    said += chunk
  })
  const [code] = await once(program, 'close')
  expect([code, said]).toEqual([1, 'cloud-controller-manager: --cloud-credentials: is required\n'])
})
