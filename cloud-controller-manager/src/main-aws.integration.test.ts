import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { namespaces } from '@trellis/api/core/configuration'
import { nodes } from '@trellis/api/core/node'
import { services } from '@trellis/api/core/service'
import { type Moto, motoRegion, startMoto } from '@trellis/cloudprovider/aws/testing/moto'
import { createNetworkWorld, type NetworkWorld, worldCluster } from '@trellis/cloudprovider/aws/testing/network-world'
import { startTestControlPlane, type TestControlPlane } from '@trellis/kubernetes/testing/control-plane'
import { freePort } from '@trellis/kubernetes/testing/free-port'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { frontDoor, readyNode } from '../testing/world.ts'

const key = { namespace: 'shoot', name: 'kube-apiserver' }
const patient = { timeout: 20_000 }

let cluster: TestControlPlane
let moto: Moto
let world: NetworkWorld
let directory: string

const owned = new AsyncDisposableStack()

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cloud-controller-manager-'))
  owned.defer(() => rm(directory, { recursive: true, force: true }))
  cluster = owned.use(await startTestControlPlane())
  moto = owned.use(await startMoto())
  world = owned.use(await createNetworkWorld(moto))
  await writeFile(join(directory, 'kubeconfig'), cluster.kubeconfig)
  await cluster.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shoot' } })
}, 600_000)

afterAll(() => owned.disposeAsync())

/** Starts the program as its chart does; it ends with the test. */
async function start(credentials: Readonly<Record<string, string>>, endpoints: string): Promise<ChildProcess> {
  const place = await mkdtemp(join(directory, 'credentials-'))
  for (const [name, value] of Object.entries(credentials)) await writeFile(join(place, name), value)
  const flags = [
    `--kubeconfig=${join(directory, 'kubeconfig')}`,
    '--cloud-provider=aws',
    `--cloud-credentials=${place}`,
    `--cloud-endpoints=${endpoints}`,
    `--cluster-name=${worldCluster}`,
    `--region=${motoRegion}`,
    '--cluster-cidr=100.96.0.0/16',
    `--port=${await freePort()}`,
  ]
  const program = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...flags])
  owned.defer(() => void program.kill('SIGKILL'))
  return program
}

it('gives a cluster at AWS its routes and load balancers, and takes them away', async () => {
  const node = await world.addNode()
  await cluster.client.create(nodes, readyNode(node, { podCIDR: '100.96.0.0/24' }))
  const { status } = readyNode(node)
  await cluster.client.patch(nodes, { name: node }, { status }, { type: 'strategic', subresource: 'status' })
  await cluster.client.create(services, frontDoor())
  const { url } = world.front
  const keys = { accessKeyID: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI' }
  const manager = await start(keys, `ec2=${url},elasticloadbalancing=${url}`)
  const ended = once(manager, 'exit')
  const ingress = async () => (await cluster.client.get(services, key)).status?.loadBalancer?.ingress
  await vi.waitFor(
    async () => expect(await ingress()).toEqual([{ hostname: expect.stringMatching(/\.amazonaws\.com$/) }]),
    patient,
  )
  const route = `100.96.0.0/24 ${await world.serverOf(node)}`
  for (const table of world.zoneTables) {
    await vi.waitFor(async () => expect(await world.routesOf(table)).toContain(route), patient)
  }
  await vi.waitFor(async () => {
    const conditions = (await cluster.client.get(nodes, { name: node })).status?.conditions
    expect(conditions?.find(({ type }) => type === 'NetworkUnavailable')?.status).toBe('False')
  }, patient)
  await cluster.client.delete(services, key)
  await vi.waitFor(async () => expect(await cluster.client.find(services, key)).toBeUndefined(), patient)
  expect(await world.network.listLoadBalancers()).toEqual([])
  await cluster.client.delete(nodes, { name: node })
  for (const table of world.zoneTables) {
    await vi.waitFor(async () => expect(await world.routesOf(table)).not.toContain(route), patient)
  }
  manager.kill('SIGTERM')
  expect((await ended)[0]).toBe(0)
}, 120_000)

it.each([
  [
    { accessKeyID: 'AKIA' },
    'ec2=https://ec2.example',
    'secretRef.data.secretAccessKey: the secret has no secretAccessKey',
  ],
  [
    { accessKeyID: 'AKIA', secretAccessKey: 's' },
    'ecs2=https://ec2.example',
    '--cloud-endpoints: AWS has no service ecs2 whose address could be set (choose of ec2, iam, elasticloadbalancing, sts)',
  ],
])('says in one line what is wrong with what it was given: %#', async (credentials, endpoints, message) => {
  const program = await start(credentials, endpoints)
  let said = ''
  program.stderr?.on('data', (chunk: Buffer) => {
    said += chunk
  })
  const [code] = await once(program, 'close')
  expect([code, said]).toEqual([1, `cloud-controller-manager: ${message}\n`])
})
