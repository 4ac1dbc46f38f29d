import { machineClasses } from '@trellis/api/machine/machine-class'
import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { testAutoscalerContract } from '../testing/autoscaler-conformance.ts'
import { createVirtualHarness } from '../testing/autoscaler-harness.ts'
import { type Division, divisions, lateProcesses } from '../testing/divisions.ts'
import { auto, play } from '../testing/in-place-stage.ts'
import { withLateWatch } from '../testing/late-watch.ts'
import { epoch } from '../testing/objects.ts'
import { classFor, createRig, deploymentOf, type Process, plant, scale } from '../testing/rig.ts'
import { phaseOf } from './machine/phase.ts'

const namespace = 'shoot--local--first'
const kinds = ['machines', 'machinesets', 'machinedeployments'] as const
const stagings = divisions.flatMap((division) =>
  kinds.map((plural) => ({ name: division.name, plural, processes: lateProcesses(division, plural) })),
)

describe.each(divisions)('the contract with the autoscaler, divided into $name', (division) => {
  testAutoscalerContract(() => createVirtualHarness({ processes: lateProcesses(division, 'machines') }))
})

async function setUp(processes: readonly Process[], replicas: number) {
  const clock = createVirtualClock(epoch)
  const random = createSeededRandom('divided')
  const client = createFakeClient({ clock, random: random.child('server') })
  const cloud = { createMilliseconds: 1000, deleteMilliseconds: 2000 }
  const rig = createRig({ clock, random, control: client, namespace, cloud, joinMilliseconds: 1000, processes })
  await plant(client, namespace, deploymentOf(namespace, 'pool', replicas))
  await client.create(machineClasses, classFor(namespace, 'large', 'large'))
  rig.start()
  await clock.advance(40_000)
  const types = () => rig.cloud.servers().map(({ machineType }) => machineType)
  const phases = async () => (await rig.machines()).map(phaseOf)
  /** Lets time pass second by second; returns the fewest machines that ran and the most servers that there were. */
  const watch = async (seconds: number) => {
    const seen = { fewest: Number.POSITIVE_INFINITY, most: 0 }
    for (let second = 0; second < seconds; second++) {
      await clock.advance(1000)
      const running = (await phases()).filter((phase) => phase === 'Running').length
      seen.fewest = Math.min(seen.fewest, running)
      seen.most = Math.max(seen.most, types().length)
    }
    return seen
  }
  const roll = (to: string) => {
    const change = { spec: { template: { spec: { class: { name: to } } } } }
    return client.patch(machineDeployments, { namespace, name: 'pool' }, change, { type: 'merge' })
  }
  const told = (reason: string) =>
    client.calls.filter(
      ({ target, method, body }) =>
        target === 'events' && method === 'create' && (body as { reason?: string }).reason === reason,
    )
  return { clock, client, rig, types, phases, watch, roll, told }
}

describe.each(stagings)('divided into $name, where $plural are seen late', ({ processes }) => {
  it('grows, rolls and shrinks within its limits', async () => {
    const { client, rig, phases, types, watch, roll, told } = await setUp(processes, 4)
    await using _ = rig
    expect(await phases()).toEqual(Array.from({ length: 4 }, () => 'Running'))
    await roll('large')
    const rolled = await watch(300)
    expect(types()).toEqual(Array.from({ length: 4 }, () => 'large'))
    expect(rolled.most).toBeLessThanOrEqual(5)
    expect(rolled.fewest).toBeGreaterThanOrEqual(4)
    await scale(client, namespace, 'pool', 20)
    const grown = await watch(60)
    expect(await phases()).toHaveLength(20)
    expect(grown.most).toBe(20)
    await scale(client, namespace, 'pool', 7)
    const shrunk = await watch(60)
    expect(shrunk.fewest).toBe(7)
    expect(await phases()).toEqual(Array.from({ length: 7 }, () => 'Running'))
    expect(told('FrozeMachineSet')).toEqual([])
  })

  it('updates machines in place and makes none', async () => {
    let made = 0
    const { moments } = await play({
      seed: 'divided',
      replicas: 3,
      strategy: auto(0, 1),
      processes,
      meanwhile: async ({ rig }) => {
        made = rig.cloud.calls().create ?? 0
      },
    })
    expect(moments.at(-1)?.line).toMatch(/large: wanted 3, .*available 3, NewMachineSetAvailable$/)
    expect(made).toBe(3)
    expect(Math.min(...moments.map(({ available }) => available))).toBe(2)
  })
})

/** The processes of a division, where those that work on deployments see machines long after all else. */
function blindDeployments({ parts }: Division): readonly Process[] {
  return parts.map((controllers) => ({
    controllers,
    ...(controllers.includes('machinedeployment') && !controllers.includes('machineset')
      ? { wrapControl: (client, clock) => withLateWatch(client, clock, { plural: 'machines', milliseconds: 3000 }) }
      : {}),
  }))
}

const setsApart = divisions.filter(({ parts }) =>
  parts.some((part) => part.includes('machinedeployment') && !part.includes('machineset')),
)

describe.each(setsApart)('divided into $name, where deployments see machines late', (division) => {
  it('makes no new machine beside those that it was told to make and at once to give up', async () => {
    const processes = blindDeployments(division)
    const { clock, client, rig, types, roll } = await setUp(processes, 4)
    await using _ = rig
    await scale(client, namespace, 'pool', 20)
    await clock.advance(50)
    await Promise.all([scale(client, namespace, 'pool', 4), roll('large')])
    const surplus: string[] = []
    let newer = 0
    for (let step = 0; step < 1200; step++) {
      await clock.advance(50)
      const now = types()
      const larger = now.filter((type) => type === 'large').length
      if (larger > newer && now.length > 5) surplus.push(`${larger} of ${now.length} after ${(step + 1) * 50} ms`)
      newer = larger
    }
    expect(surplus).toEqual([])
    expect(types()).toEqual(Array.from({ length: 4 }, () => 'large'))
  })
})
