import { type CloudClient, createCloudClient } from '@trellis/cloudprovider/local/client'
import { exampleGrowth, readExamples, workerOf } from '@trellis/cluster-bootstrap/testing/example-clouds'
import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner } from '@trellis/foundation/command'
import { createSystemRandom } from '@trellis/foundation/random'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Bridge } from '../bridge/bridge.ts'
import { startOpenStackBridge } from '../bridge/openstack/start-bridge.ts'
import { type OpenStack, startOpenStack } from '../openstack/start-openstack.ts'
import { type ExampleAccount, prepareExampleCloud } from '../openstack/support/example-cloud.ts'
import { setChartValues } from './support/garden-chart.ts'
import { compareSnapshots, type HostSnapshot, takeHostSnapshot } from './support/host-snapshot.ts'
import { eventually, prepareInstallation, type TestInstallation } from './support/installation.ts'
import { expectPodsReachEachOther } from './support/node-to-node.ts'
import { agnhostImage, agnhostPod, asList } from './support/objects.ts'
import { deleteShoot } from './support/shoots.ts'

const [name, prefix] = ['onos', '198.22'] as const
const runner = createCommandRunner()
const image = agnhostImage(JSON.parse(process.env.TRELLIS_IMAGES ?? '{}') as Record<string, string>)
/** Packages, the virtual environment and the databases are made here the first time. */
const firstTimeMilliseconds = 1_800_000

let before: HostSnapshot
let installation: TestInstallation
let openStack: OpenStack
let account: ExampleAccount
let bridge: Bridge
let local: CloudClient
let serverIds: readonly string[] = []
const stack = new AsyncDisposableStack()

const garden = (args: readonly string[], input?: string) =>
  installation.must(['kubectl', '--garden', '--namespace', 'garden-local', ...args], input)
const inShoot = (name: string) => (args: readonly string[], input?: string) =>
  installation.must(['kubectl', '--shoot', name, ...args], input)
const shoot = inShoot('on-os')

beforeAll(async () => {
  before = await takeHostSnapshot(runner, name)
  installation = stack.use(await prepareInstallation(name, prefix, { TRELLIS_INFRASTRUCTURE: 'opentofu' }))
  await installation.must(['up'])
  // Its machines would be two more on this host, for nothing.
  await deleteShoot(installation, 'first')
  local = stack.use(createCloudClient({ socketPath: installation.cloudSocket }))
  const [clock, random] = [createSystemClock(), createSystemRandom()]
  const address = `${prefix}.0.2`
  const cacheDirectory = process.env.TRELLIS_CACHE ?? '/var/cache/trellis'
  openStack = stack.use(await startOpenStack({ clock, random, runner, cacheDirectory, front: { address } }))
  account = await prepareExampleCloud(openStack)
  bridge = stack.use(await startOpenStackBridge({ clock, local, address, image: 'trellis-worker', openStack }))
  await garden(['apply', '--server-side', '-f', '-'], asList(await exampleObjects('on-tofu', 1)))
}, firstTimeMilliseconds)

afterAll(async () => {
  await stack.disposeAsync()
  expect(compareSnapshots(before, await takeHostSnapshot(runner, name))).toEqual([])
})

/** The example of OpenStack with so many machines, at the address of this one, as a user with an application credential. */
async function exampleObjects(shootName: string, machines: number): Promise<readonly object[]> {
  const growth = await exampleGrowth('openstack')
  const { cloudProfile, shoot: example } = growth
  const { authUrl: keystoneURL, authority: keystoneCACert } = openStack
  cloudProfile.spec.providerConfig = { ...cloudProfile.spec.providerConfig, keystoneURL, keystoneCACert }
  // Volumes are Cinder's, which is not there: disks are those of the flavor.
  Object.assign(workerOf(growth), { minimum: machines, maximum: machines, volume: undefined })
  const [secret, ...rest] = await readExamples<object>('openstack', 'secret')
  example.metadata.name = shootName
  return [cloudProfile, { ...secret, stringData: account.credentials }, ...rest, example]
}

interface NodeView {
  readonly metadata: { readonly name: string }
  readonly spec: { readonly providerID: string }
  readonly status: {
    readonly addresses: readonly { readonly type: string; readonly address: string }[]
    readonly conditions: readonly { readonly type: string; readonly status: string }[]
  }
}

async function readyNodes(kubectl = shoot): Promise<readonly NodeView[]> {
  const { items } = JSON.parse(await kubectl(['get', 'nodes', '-o', 'json'])) as { items: readonly NodeView[] }
  return items.filter(({ status }) =>
    status.conditions.some(({ type, status: value }) => type === 'Ready' && value === 'True'),
  )
}

const seconds = 1000

describe('a shoot on OpenStack whose network OpenTofu makes', () => {
  const control = ['kubectl', '--seed', '--namespace', 'shoot--local--on-tofu']

  it('gets a node that is ready', async () => {
    const nodes = await eventually(300, async () => {
      const ready = await readyNodes(inShoot('on-tofu'))
      expect(ready, bridge.trouble()).toHaveLength(1)
      return ready
    })
    const servers = await account.servers()
    expect(nodes.map(({ metadata }) => metadata.name)).toEqual(servers.map(({ name: server }) => server))
  })

  it('says who made it, what was planned and what there is, and keeps the state in the seed', async () => {
    const status = await garden(['get', 'shoot', 'on-tofu', '-o', 'jsonpath={.status.infrastructure}'])
    const { engine, state } = JSON.parse(status) as { engine: string; state: Readonly<Record<string, string>> }
    expect(engine).toBe('opentofu')
    expect(Object.keys(state)).toEqual(expect.arrayContaining(['openstack_networking_network_v2.nodes[0]']))
    expect(await installation.must(['logs', 'cluster-bootstrap'])).toMatch(
      /create .*openstack_networking_network_v2\.nodes\[0\].*has planned the infrastructure/,
    )
    const type = await installation.must([
      ...control,
      'get',
      'secret',
      'infrastructure-opentofu',
      '-o',
      'jsonpath={.type}',
    ])
    expect(type).toBe('trellis.internal/opentofu-state')
  })

  it('goes by OpenTofu, while the seed is configured to make other shoots without it', {
    timeout: 120 * seconds,
  }, async () => {
    await setChartValues(installation, { clusterBootstrap: { openTofu: { forNewShoots: false } } })
    await garden(['annotate', 'shoot', 'on-tofu', 'confirmation.gardener.cloud/deletion=true'])
    await garden(['delete', 'shoot', 'on-tofu', '--wait=false'])
    await garden(['apply', '--server-side', '-f', '-'], asList(await exampleObjects('on-os', 2)))
    await eventually(60, async () => {
      const engine = await garden(['get', 'shoot', 'on-os', '-o', 'jsonpath={.status.infrastructure.engine}'])
      expect(engine).toBe('sdk')
    })
  })
})

describe('a shoot on OpenStack', () => {
  it('gets nodes that are ready, each of which is a server of Nova', async () => {
    const nodes = await eventually(300, async () => {
      const ready = await readyNodes()
      expect(ready, bridge.trouble()).toHaveLength(2)
      return ready
    })
    const told = nodes.map(({ metadata, spec, status }) => ({
      name: metadata.name,
      id: spec.providerID,
      address: status.addresses.find(({ type }) => type === 'InternalIP')?.address,
    }))
    const servers = (await account.servers()).filter(({ name: server }) => server.startsWith('shoot--local--on-os-'))
    serverIds = servers.map(({ id }) => id)
    const expected = servers.map(({ id, name: server, address }) => ({
      name: server,
      id: `openstack:///${openStack.region}/${id}`,
      address,
    }))
    expect(told.toSorted((a, b) => a.name.localeCompare(b.name))).toEqual(expected)
  })

  it('asks for each server once, as the other shoot did', () => {
    const times = (call: string) => openStack.calls.filter((one) => one === call).length
    expect(times('POST nova /v2.1/servers')).toBe(3)
  })

  it('is reached by its API server through the tunnel', async () => {
    await shoot(
      ['apply', '--server-side', '-f', '-'],
      asList([agnhostPod('web', image, ['netexec', '--http-port=8080'])]),
    )
    await shoot(['wait', 'pod/web', '--for=condition=Ready', '--timeout=120s'])
    expect(await shoot(['exec', 'web', '--', '/agnhost', '--version'])).toContain('version')
    await eventually(30, async () => expect(await shoot(['logs', 'web'])).toContain('8080'))
  })

  it('has pods that reach each other from node to node, by the routes of its router', async () => {
    await expectPodsReachEachOther(shoot, image)
  })

  it('goes, and neither leaves anything at OpenStack', async () => {
    await garden(['wait', 'shoot', 'on-tofu', '--for=delete', '--timeout=120s'])
    await garden(['annotate', 'shoot', 'on-os', 'confirmation.gardener.cloud/deletion=true'])
    await garden(['delete', 'shoot', 'on-os', '--timeout=300s'])
    expect(await account.remains()).toEqual([])
    const named = async () => (await local.listServers()).map(({ name: server }) => server)
    await eventually(60, async () => expect((await named()).filter((one) => serverIds.includes(one))).toEqual([]))
  })
})
