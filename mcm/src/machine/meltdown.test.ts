import type { Machine } from '@trellis/api/machine/machine'
import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { epoch } from '../../testing/objects.ts'
import { createRig, deploymentOf, plant, type Rig, scale } from '../../testing/rig.ts'
import { phaseOf } from './phase.ts'

const namespace = 'ns'
const minute = 60_000

async function setUp(replicas: number, annotations: Record<string, string> = {}, quota?: Record<string, number>) {
  const clock = createVirtualClock(epoch)
  const random = createSeededRandom('meltdown')
  const client = createFakeClient({ clock, random: random.child('server') })
  const cloud = { createMilliseconds: 1000, deleteMilliseconds: 500, ...(quota === undefined ? {} : { quota }) }
  const rig = createRig({ clock, random, control: client, namespace, cloud, joinMilliseconds: 2000 })
  const deployment = deploymentOf(namespace, 'pool', replicas)
  await plant(client, namespace, { ...deployment, metadata: { ...deployment.metadata, annotations } })
  rig.start()
  await clock.advance(20_000)
  return { clock, client, rig }
}

async function darken(rig: Rig): Promise<ReadonlySet<string>> {
  const names = (await rig.nodes()).map(({ metadata }) => metadata.name)
  for (const name of names) await rig.nodeMaker.setReady(name, false)
  return new Set(names)
}

const survivors = (found: readonly Machine[], names: ReadonlySet<string>) =>
  found.filter(({ metadata }) => names.has(metadata.name)).length

describe('meltdown protection', () => {
  it('loses one machine to an outage of all 80, however long it lasts, while new ones cannot join', async () => {
    const { clock, rig } = await setUp(80)
    rig.cloud.script({ operation: 'join', times: 1000 })
    const names = await darken(rig)
    await clock.advance(45 * minute)
    expect(survivors(await rig.machines(), names)).toBeGreaterThanOrEqual(79)
    for (const name of names) await rig.nodeMaker.setReady(name, true).catch(() => {})
    await clock.advance(2 * minute)
    const running = (await rig.machines()).filter((machine) => phaseOf(machine) === 'Running')
    expect(running.length).toBeGreaterThanOrEqual(79)
    await rig[Symbol.asyncDispose]()
  })

  it('loses one machine to an outage in which the cloud has no servers either', async () => {
    const { clock, rig } = await setUp(20)
    rig.cloud.script({ operation: 'create', kind: 'Exhausted', message: 'no stock', times: 10_000 })
    const names = await darken(rig)
    await clock.advance(120 * minute)
    expect(survivors(await rig.machines(), names)).toBe(19)
    await rig[Symbol.asyncDispose]()
  })

  it('says of a machine that waits why it is not replaced', async () => {
    const { clock, rig } = await setUp(5)
    rig.cloud.script({ operation: 'join', times: 1000 })
    await darken(rig)
    await clock.advance(15 * minute)
    const waiting = (await rig.machines()).filter((machine) => phaseOf(machine) === 'Unknown')
    expect(waiting).toHaveLength(4)
    for (const { status } of waiting) {
      expect(status?.lastOperation?.description).toContain('it is not replaced yet: most machines of zone zone are ill')
    }
    await rig[Symbol.asyncDispose]()
  })

  it('repairs a sick machine while others wait for quota', async () => {
    const { clock, client, rig } = await setUp(4, {}, { '*': 4 })
    await scale(client, namespace, 'pool', 6)
    await clock.advance(minute)
    const [sick] = (await rig.nodes()).map(({ metadata }) => metadata.name)
    await rig.nodeMaker.setReady(sick ?? '', false)
    await clock.advance(13 * minute)
    expect((await rig.machines()).some(({ metadata }) => metadata.name === sick)).toBe(false)
    expect((await rig.machines()).filter((machine) => phaseOf(machine) === 'Running')).toHaveLength(4)
    await rig[Symbol.asyncDispose]()
  })

  it('replaces as many at a time as the annotation allows, and ignores one that means nothing', async () => {
    const { clock, client, rig } = await setUp(10, { 'safety.machine.sapcloud.io/max-replacements': '30%' })
    rig.cloud.script({ operation: 'join', times: 1000 })
    const [first, second, third, fourth] = (await rig.nodes()).map(({ metadata }) => metadata.name)
    for (const name of [first, second, third, fourth]) await rig.nodeMaker.setReady(name ?? '', false)
    await clock.advance(12 * minute)
    const left = async () => survivors(await rig.machines(), new Set([first, second, third, fourth].map(String)))
    expect(await left()).toBe(1)
    const annotations = { 'safety.machine.sapcloud.io/max-replacements': 'lots' }
    await client.patch(
      machineDeployments,
      { namespace, name: 'pool' },
      { metadata: { annotations } },
      { type: 'merge' },
    )
    await clock.advance(2 * minute)
    expect(await left()).toBe(1)
    const reasons = client.calls.map(({ body }) => (body as { reason?: string } | undefined)?.reason)
    expect(reasons.filter((reason) => reason === 'InvalidAnnotation')).toHaveLength(1)
    await rig[Symbol.asyncDispose]()
  })
})
