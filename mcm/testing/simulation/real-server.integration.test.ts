import { nodes } from '@trellis/api/core/node'
import { machines } from '@trellis/api/machine/machine'
import { machineClasses } from '@trellis/api/machine/machine-class'
import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import { machineSets } from '@trellis/api/machine/machine-set'
import type { KubernetesObject, Resource } from '@trellis/api/meta'
import { createSystemClock } from '@trellis/foundation/clock'
import { createSeededRandom } from '@trellis/foundation/random'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type MachineCluster, startMachineCluster } from '../machine-cluster.ts'
import { createRig } from '../rig.ts'
import { createUsers, plantClasses } from './actions.ts'
import { unfinished } from './convergence.ts'
import { createFaults, type FaultRates, noFaults } from './faults.ts'
import { createLife } from './life.ts'
import type { Step } from './run.ts'
import { createUnreliableClient, type UnreliableClientOptions } from './unreliable-client.ts'

const clock = createSystemClock()
let cluster: MachineCluster

beforeAll(async () => {
  cluster = await startMachineCluster()
})
afterAll(() => cluster?.[Symbol.asyncDispose]())

const scripts: readonly {
  readonly name: string
  readonly rates: Partial<FaultRates>
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
]

/** Everything of a namespace on a real server, read whole. */
async function censusOf(namespace: string, servers: () => readonly string[]) {
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
  return { control: of, target: of, servers }
}

describe('scripts on a real API server', () => {
  it.each(scripts)('come to rest in spite of $name', async ({ name, rates, steps }) => {
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
    const cloud = { createMilliseconds: 300, deleteMilliseconds: 200, jitter: 0.3 }
    await using rig = createRig({ clock, random, control, target, namespace, cloud, joinMilliseconds: 300 })
    await plantClasses(cluster.client, namespace)
    const users = createUsers({ control: cluster.client, target: cluster.client, namespace, now: clock.now })
    rig.start()
    const began = clock.now()
    for (const { at, ...action } of steps) {
      await clock.sleep(Math.max(0, began + at * 1000 - clock.now()))
      if (action.do !== 'stop') await users.act(action)
      else {
        await rig.stop()
        rig.start()
      }
    }
    await clock.sleep(1000)
    faults.cease()
    const servers = () => rig.cloud.servers().map(({ machineName }) => machineName)
    const atRest = async () => expect(unfinished(await censusOf(namespace, servers))).toEqual([])
    await vi.waitFor(atRest, { timeout: 90_000, interval: 500 })
    await users.act({ do: 'delete-deployment', name: 'alpha' })
    await vi.waitFor(atRest, { timeout: 60_000, interval: 500 })
    expect(servers()).toEqual([])
  })
})
