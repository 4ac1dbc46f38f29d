import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Machine, machines } from '@trellis/api/machine/machine'
import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner, runOrThrow } from '@trellis/foundation/command'
import { createSystemRandom } from '@trellis/foundation/random'
import { createClient } from '@trellis/kubernetes/client'
import { loadKubeconfig } from '@trellis/kubernetes/kubeconfig'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type MachineCluster, startMachineCluster } from '../testing/machine-cluster.ts'
import { createRig, deploymentOf, plant, scale } from '../testing/rig.ts'
import { phaseOf } from './machine/phase.ts'

const clock = createSystemClock()
const random = createSystemRandom()
const runner = createCommandRunner()
const repository = join(import.meta.dirname, '../..')
let cluster: MachineCluster
let directory: string

beforeAll(async () => {
  cluster = await startMachineCluster()
  directory = await mkdtemp(join(tmpdir(), 'mcm-charts-'))
  await writeFile(join(directory, 'kubeconfig'), cluster.kubeconfig, { mode: 0o600 })
})
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]()
  if (directory !== undefined) await rm(directory, { recursive: true, force: true })
})

function run(program: 'helm' | 'kubectl', args: readonly string[], input?: string): Promise<string> {
  const path = join(process.env.KUBEBUILDER_ASSETS ?? '', program)
  const environment = { KUBECONFIG: join(directory, 'kubeconfig') }
  return runOrThrow(runner, path, args, input === undefined ? { environment } : { environment, input })
}

/** Renders a chart and has a real API server accept every object of it, strictly. */
async function install(chart: string, namespace: string, values: object): Promise<string> {
  const file = join(directory, `${namespace}.json`)
  await writeFile(file, JSON.stringify(values))
  const text = await run('helm', [
    'template',
    chart,
    join(repository, 'charts', chart),
    '--namespace',
    namespace,
    '--values',
    file,
  ])
  await run('kubectl', ['apply', '--namespace', namespace, '--validate=strict', '--filename=-'], text)
  return text
}

describe('the chart of the manager', () => {
  it('gives the rights that the manager needs', async () => {
    const namespace = await cluster.namespace('rights')
    await install('machine-controller-manager', namespace, {
      images: { 'machine-controller-manager': 'example/mcm:1' },
    })
    const token = await run('kubectl', ['create', 'token', 'machine-controller-manager', '--namespace', namespace])
    const admin = await loadKubeconfig({ text: cluster.kubeconfig })
    using limited = createClient({
      clock,
      kubeconfig: { ...admin, user: { token: { text: token.trim() } } },
      userAgent: 'limited/0',
    })
    await plant(cluster.client, namespace, deploymentOf(namespace, 'rights', 2))
    const troubles: string[] = []
    const note = (fields: object, sentence: string) => void troubles.push(`${sentence} ${JSON.stringify(fields)}`)
    const log = { debug() {}, info() {}, warn: note, error: note, child: () => log }
    await using rig = createRig({ clock, random, control: limited, target: cluster.client, namespace, log })
    rig.start()
    const phases = async () => (await cluster.client.list<Machine>(machines, { namespace })).items.map(phaseOf)
    await vi.waitFor(async () => expect(await phases()).toEqual(['Running', 'Running']), {
      timeout: 30_000,
      interval: 100,
    })
    await scale(cluster.client, namespace, 'rights', 0)
    await vi.waitFor(async () => expect(await phases()).toEqual([]), { timeout: 30_000, interval: 100 })
    await cluster.client.delete(machineDeployments, { namespace, name: 'rights' })
    await vi.waitFor(
      async () => expect(await cluster.client.find(machineDeployments, { namespace, name: 'rights' })).toBeUndefined(),
      { timeout: 30_000, interval: 100 },
    )
    expect(troubles.filter((text) => text.includes('forbidden'))).toEqual([])
    await expect(limited.list(machines)).rejects.toMatchObject({ kind: 'Forbidden' })
  })

  it('refuses values that it does not know', async () => {
    const chart = join(repository, 'charts/machine-controller-manager')
    const args = ['template', 'x', chart, '--set', 'images.machine-controller-manager=x', '--set', 'colour=red']
    await expect(run('helm', args)).rejects.toThrow('colour')
  })
})

describe('the chart of local machine classes', () => {
  const pool = {
    name: 'shoot--local--first-pool-z1',
    replicas: 2,
    maxSurge: 0,
    maxUnavailable: 1,
    userData: '#cloud-config\n# <<BOOTSTRAP_TOKEN>>\n',
    region: 'local',
    zone: 'local-a',
    instanceType: 'small',
    architecture: 'amd64',
    capacity: { cpu: '1', memory: '2Gi', gpu: '0' },
    providerSpec: {
      network: 'shoot--local--first',
      image: 'debian',
      flavor: 'small',
      tags: { 'kubernetes.io/cluster/shoot--local--first': '1', 'kubernetes.io/role/node': '1' },
    },
    labels: { 'worker.gardener.cloud/pool': 'pool' },
    taints: [{ key: 'gpu', effect: 'NoSchedule' }],
    machineControllerManager: { machineDrainTimeout: '10m', maxEvictRetries: 0 },
  }
  const classOf = (text: string) => /kind: MachineClass\nmetadata:\n {2}name: (\S+)/.exec(text)?.[1]

  it('makes objects that the API server keeps as they are', async () => {
    const namespace = await cluster.namespace('pools')
    const text = await install('machine-class-local', namespace, { pools: [pool] })
    const deployment = await cluster.client.get(machineDeployments, { namespace, name: pool.name })
    expect(deployment.spec).toMatchObject({
      replicas: 2,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
      template: {
        spec: {
          class: { kind: 'MachineClass', name: classOf(text) },
          drainTimeout: '10m',
          maxEvictRetries: 0,
          nodeTemplate: { metadata: { labels: pool.labels }, spec: { taints: pool.taints } },
        },
      },
    })
  })

  it('names a class anew when its servers change, and only then', async () => {
    const render = async (changes: object) => {
      const file = join(directory, 'values.json')
      await writeFile(file, JSON.stringify({ pools: [{ ...pool, ...changes }] }))
      return classOf(
        await run('helm', ['template', 'x', join(repository, 'charts/machine-class-local'), '--values', file]),
      )
    }
    const before = await render({})
    expect(await render({ replicas: 9, labels: {}, machineControllerManager: {} })).toBe(before)
    expect(await render({ userData: '#cloud-config\n' })).not.toBe(before)
    expect(await render({ providerSpec: { ...pool.providerSpec, image: 'newer' } })).not.toBe(before)
    await expect(render({ userData: 'x'.repeat(16_385) })).rejects.toThrow('userData')
    await expect(render({ colour: 'red' })).rejects.toThrow('colour')
  })
})
