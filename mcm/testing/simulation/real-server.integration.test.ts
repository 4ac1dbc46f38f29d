import { nodes } from '@trellis/api/core/node'
import { machines } from '@trellis/api/machine/machine'
import { machineClasses } from '@trellis/api/machine/machine-class'
import { type MachineDeploymentStrategy, machineDeployments } from '@trellis/api/machine/machine-deployment'
import { machineSets } from '@trellis/api/machine/machine-set'
import type { KubernetesObject, Resource } from '@trellis/api/meta'
import { createSystemClock } from '@trellis/foundation/clock'
import { createSeededRandom } from '@trellis/foundation/random'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type MachineCluster, startMachineCluster } from '../machine-cluster.ts'
import { createRig, type Rig } from '../rig.ts'
import { startUpdateAgent } from '../update-agent.ts'
import { type Action, createUsers, plantClasses, type Users } from './actions.ts'
import { type Census, unfinished } from './convergence.ts'
import { createFaults, type FaultRates, type Faults, noFaults } from './faults.ts'
import { createLife } from './life.ts'
import type { Step } from './run.ts'
import { createUnreliableClient, type UnreliableClientOptions } from './unreliable-client.ts'

const clock = createSystemClock()
let cluster: MachineCluster

beforeAll(async () => {
  cluster = await startMachineCluster()
})
afterAll(() => cluster?.[Symbol.asyncDispose]())

function inPlace(orchestrationType: 'Auto' | 'Manual'): MachineDeploymentStrategy {
  return { type: 'InPlaceUpdate', inPlaceUpdate: { maxSurge: 0, maxUnavailable: 1, orchestrationType } }
}

const scripts: readonly {
  readonly name: string
  readonly rates: Partial<FaultRates>
  /** Servers that the cloud has, by type. */
  readonly quota?: Record<string, number>
  readonly steps: readonly Step[]
}[] = [
  {
    name: 'answers that are lost',
    rates: { answerLoss: 0.1, requestFailure: 0.1, latencyMilliseconds: 200 },
    steps: [
      { at: 0, do: 'create-deployment', name: 'alpha', replicas: 3 },
      { at: 2, do: 'scale', name: 'alpha', replicas: 5 },
      { at: 4, do: 'roll', name: 'alpha', machineClass: 'large' },
      { at: 6, do: 'scale', name: 'alpha', replicas: 2 },
    ],
  },
  {
    name: 'watches that break, lag and repeat themselves',
    rates: { watchBreak: 0.05, watchLag: 0.2, watchLagMilliseconds: 500, watchGone: 0.3, watchRepeat: 0.5 },
    steps: [
      { at: 0, do: 'create-deployment', name: 'alpha', replicas: 2 },
      { at: 2, do: 'delete-machine', pick: 1 },
      { at: 3, do: 'roll', name: 'alpha', machineClass: 'large' },
      { at: 5, do: 'delete-node', pick: 0 },
    ],
  },
  {
    name: 'restarts in the midst of everything',
    rates: { spuriousConflict: 0.1 },
    steps: [
      { at: 0, do: 'create-deployment', name: 'alpha', replicas: 4 },
      { at: 1, do: 'stop' },
      { at: 1, do: 'roll', name: 'alpha', machineClass: 'large' },
      { at: 2, do: 'stop' },
      { at: 3, do: 'scale', name: 'alpha', replicas: 3 },
      { at: 3, do: 'stop' },
    ],
  },
  {
    name: 'updates in place and a restart in the midst of them',
    rates: { answerLoss: 0.05, spuriousConflict: 0.1, latencyMilliseconds: 100 },
    steps: [
      { at: 0, do: 'create-deployment', name: 'alpha', replicas: 3 },
      { at: 0, do: 'strategy', name: 'alpha', strategy: inPlace('Auto') },
      { at: 3, do: 'roll', name: 'alpha', machineClass: 'large' },
      { at: 6, do: 'stop' },
      { at: 8, do: 'scale', name: 'alpha', replicas: 2 },
      { at: 10, do: 'strategy', name: 'alpha', strategy: inPlace('Manual') },
      { at: 12, do: 'roll', name: 'alpha', machineClass: 'small' },
    ],
  },
  {
    name: 'illness of preserved machines and limits of repair',
    rates: { answerLoss: 0.05, watchBreak: 0.02 },
    steps: [
      { at: 0, do: 'create-deployment', name: 'alpha', replicas: 3 },
      { at: 0, do: 'auto-preserve', name: 'alpha', most: 1 },
      { at: 0, do: 'limit-repair', name: 'alpha', perZone: '2', inAll: '100%' },
      { at: 4, do: 'preserve-node', pick: 0, value: 'when-failed' },
      { at: 4, do: 'preserve-machine', pick: 1, value: 'now' },
      { at: 5, do: 'ready-node', pick: 0, ready: false },
      { at: 5, do: 'ready-node', pick: 1, ready: false },
      { at: 9, do: 'stop' },
    ],
  },
  {
    name: 'want of quota, edited classes and silence',
    rates: { requestFailure: 0.05 },
    quota: { small: 1 },
    steps: [
      { at: 0, do: 'create-deployment', name: 'alpha', replicas: 3 },
      { at: 0, do: 'fallback', name: 'alpha', classes: 'large' },
      { at: 4, do: 'change-class', machineClass: 'large', value: 'v1' },
      { at: 6, do: 'silence', cluster: 'target', seconds: 5 },
      { at: 7, do: 'scale', name: 'alpha', replicas: 4 },
      { at: 12, do: 'slip-in-machines', name: 'alpha', machines: ['extra-1', 'extra-2', 'extra-3', 'extra-4'] },
    ],
  },
]

/** Limits short enough for a clock that cannot be hurried. */
const settings = {
  healthTimeoutMilliseconds: 2000,
  preserveTimeoutMilliseconds: 6000,
  inPlaceUpdateTimeoutMilliseconds: 20_000,
  resourceExhaustedRetryMilliseconds: 2000,
}
const safety = { apiServer: { timeoutMilliseconds: 1000, periodMilliseconds: 1000 } }

/** Everything of a namespace on a real server, read whole. */
async function censusOf(namespace: string, { cloud }: Rig): Promise<Census> {
  const read =
    <Kind extends KubernetesObject>(resource: Resource<Kind>) =>
    async () =>
      (await cluster.client.list(resource, resource.namespaced ? { namespace } : {})).items
  const kinds: readonly Resource<KubernetesObject>[] = [machines, machineDeployments, machineSets, machineClasses]
  const lists = new Map<string, readonly KubernetesObject[]>()
  for (const kind of kinds) lists.set(kind.plural, await read(kind)())
  // One server plays both clusters; the other kinds of the target are looked at by name.
  lists.set(nodes.plural, await read(nodes)())
  const of = <Kind extends KubernetesObject>({ plural }: Resource<Kind>) => (lists.get(plural) ?? []) as readonly Kind[]
  return {
    control: of,
    target: of,
    servers: () => cloud.servers().map(({ machineName }) => machineName),
    tagsOf: (name) => cloud.servers().find(({ machineName }) => machineName === name)?.tags,
  }
}

/** Does what a user does, and the little of what the world does that is affordable where time is real. */
async function perform(action: Action, { users, rig, faults }: { users: Users; rig: Rig; faults: Faults }) {
  if (action.do === 'stop') {
    await rig.stop()
    rig.start()
  } else if (action.do === 'silence') {
    faults.outages[action.cluster] = true
    await clock.sleep(action.seconds * 1000)
    faults.outages[action.cluster] = false
  } else expect(await users.act(action), action.do).toBe(true)
}

describe('scripts on a real API server', () => {
  it.each(scripts)('come to rest in spite of $name', async ({ name, rates, steps, quota = {} }) => {
    const namespace = await cluster.namespace(name.replaceAll(/[^a-z]+/g, '-'))
    const random = createSeededRandom(name)
    const faults = createFaults(random.child('faults'), { ...noFaults, ...rates }, { now: clock.now, note: () => {} })
    const common: Omit<UnreliableClientOptions, 'cluster'> = {
      client: cluster.client,
      clock,
      life: createLife(clock),
      faults,
      mayHaunt: () => false,
      note: () => {},
    }
    const control = createUnreliableClient({ ...common, cluster: 'control' })
    const target = createUnreliableClient({ ...common, cluster: 'target' })
    const cloud = { createMilliseconds: 300, deleteMilliseconds: 200, jitter: 0.3, quota }
    const kubelets = cluster.client
    const parts = { clock, random, control, target, kubelets, namespace, settings, safety }
    await using rig = createRig({ ...parts, cloud, joinMilliseconds: 300 })
    const playing = { clock, random: random.child('agent'), client: cluster.client }
    await using _ = startUpdateAgent({ ...playing, updateMilliseconds: 500, componentsMilliseconds: 200 })
    await plantClasses(cluster.client, namespace)
    const users = createUsers({ control: cluster.client, target: cluster.client, namespace, now: clock.now })
    rig.start()
    const began = clock.now()
    for (const { at, ...action } of steps) {
      await clock.sleep(Math.max(0, began + at * 1000 - clock.now()))
      await perform(action, { users, rig, faults })
    }
    await clock.sleep(1000)
    faults.cease()
    const atRest = async () => {
      await users.act({ do: 'choose-all-nodes' })
      expect(unfinished(await censusOf(namespace, rig))).toEqual([])
    }
    await vi.waitFor(atRest, { timeout: 90_000, interval: 500 })
    await users.act({ do: 'delete-deployment', name: 'alpha' })
    await vi.waitFor(atRest, { timeout: 60_000, interval: 500 })
    expect(rig.cloud.servers()).toEqual([])
  })
})
