import { nodes } from '@trellis/api/core/node'
import { pods } from '@trellis/api/core/pod'
import type { Machine } from '@trellis/api/machine/machine'
import { machineClasses } from '@trellis/api/machine/machine-class'
import { type MachineDeploymentStrategy, machineDeployments } from '@trellis/api/machine/machine-deployment'
import { describe, expect, it } from 'vitest'
import { auto, manual } from '../testing/in-place-stage.ts'
import { podOn, startPodPlayer } from '../testing/pod-player.ts'
import { useRealStage } from '../testing/real-stage.ts'
import { classFor, deploymentOf, plant, type Rig, type RigOptions } from '../testing/rig.ts'
import { startUpdateAgent, type UpdateAgent, type UpdateEnd } from '../testing/update-agent.ts'
import { nodeUpdateOf } from './machine/in-place-node.ts'
import { phaseOf } from './machine/phase.ts'

const stage = useRealStage()
const { clock, random, eventually } = stage

interface Pool extends AsyncDisposable {
  readonly rig: Rig
  readonly agent: UpdateAgent
  readonly before: readonly Machine[]
  /** Asks for the other class. */
  update(): Promise<void>
}

/** A pool of that many machines that run, and an agent. */
async function poolOf(
  namespace: string,
  count: number,
  parts: {
    readonly strategy: MachineDeploymentStrategy
    readonly endOf?: (name: string) => UpdateEnd
    readonly settings?: RigOptions['settings']
  },
): Promise<Pool> {
  const { client } = stage
  const { strategy, endOf, settings = {} } = parts
  await stage.namespace(namespace)
  const stack = new AsyncDisposableStack()
  const rig = stack.use(stage.rig(namespace, { settings }))
  const speeds = { updateMilliseconds: 300, componentsMilliseconds: 200 }
  const agent = stack.use(
    startUpdateAgent({ clock, random, client, ...speeds, ...(endOf === undefined ? {} : { endOf }) }),
  )
  await plant(client, namespace, deploymentOf(namespace, namespace, count, { strategy }))
  await client.create(machineClasses, classFor(namespace, 'large', 'large'))
  rig.start()
  await eventually(async () => {
    expect((await rig.machines()).map(phaseOf)).toEqual(Array.from({ length: count }, () => 'Running'))
  })
  const before = await rig.machines()
  return {
    rig,
    agent,
    before,
    update: async () => {
      const spec = { template: { spec: { class: { name: 'large' } } } }
      await client.patch(machineDeployments, { namespace, name: namespace }, { spec })
    },
    [Symbol.asyncDispose]: async () => {
      await client.patch(machineDeployments, { namespace, name: namespace }, { spec: { replicas: 0, paused: false } })
      await eventually(async () => expect(await rig.machines()).toEqual([]))
      await stack.disposeAsync()
    },
  }
}

function servers(machines: readonly Machine[]): readonly string[] {
  return machines.map(({ spec }) => spec?.providerID ?? '').sort()
}

describe('an update in place on a real API server', () => {
  it('keeps every server, drains each node before its update and opens it afterwards', async () => {
    const { client } = stage
    const namespace = 'in-place-auto'
    await using pool = await poolOf(namespace, 4, { strategy: auto(0, 2) })
    const { rig, agent, before } = pool
    await using player = startPodPlayer({ clock, random, client }, namespace, 100)
    for (const { metadata } of before) {
      await client.create(pods, podOn(namespace, `pod-${metadata.name}`, metadata.name, { app: 'one' }))
    }
    await pool.update()
    await eventually(async () => {
      const { status } = await rig.deployment(namespace)
      expect((await rig.machines()).map(({ spec }) => spec?.class?.name)).toEqual(
        Array.from({ length: 4 }, () => 'large'),
      )
      expect(status).toMatchObject({ replicas: 4, updatedReplicas: 4, availableReplicas: 4 })
    })
    const after = await rig.machines()
    expect(servers(after)).toEqual(servers(before))
    const owners = new Set(after.map(({ metadata }) => metadata.ownerReferences?.map(({ name }) => name).join()))
    expect(owners.size).toBe(1)
    expect(new Set(after.map(({ spec }) => spec?.class?.name))).toEqual(new Set(['large']))
    expect(agent.open).toEqual([])
    expect([...agent.begun].sort()).toEqual(before.map(({ metadata }) => metadata.name).sort())
    expect(player.ended.map(({ name }) => name).sort()).toEqual(
      before.map(({ metadata }) => `pod-${metadata.name}`).sort(),
    )
    for (const { metadata, spec, status } of await rig.nodes()) {
      expect(spec?.unschedulable).not.toBe(true)
      // The API server adds one of its own when a Node is made.
      const taints = (spec?.taints ?? []).filter(({ key }) => key !== 'node.kubernetes.io/not-ready')
      expect(taints).toEqual([])
      expect(
        nodeUpdateOf({ apiVersion: 'v1', kind: 'Node', metadata, ...(status === undefined ? {} : { status }) }),
      ).toMatchObject({
        candidate: false,
        selected: false,
        result: undefined,
        reason: 'UpdateSuccessful',
      })
      expect(status?.conditions?.map(({ type }) => type).sort()).toEqual(['InPlaceUpdate', 'Ready'])
    }
    await eventually(async () => {
      const [old] = (await rig.sets()).filter(({ spec }) => spec?.template?.spec?.class?.name === 'small')
      expect(old?.status).toMatchObject({ replicas: 0 })
    })
  })

  it('updates the nodes that people choose, tells why one failed, and replaces it in the end', async () => {
    const { client } = stage
    const namespace = 'in-place-manual'
    const wrong = new Set<string>()
    await using pool = await poolOf(namespace, 3, {
      strategy: manual,
      endOf: (name) => (wrong.has(name) ? { failed: 'the disk is full' } : 'successful'),
      settings: { healthTimeoutMilliseconds: 2000 },
    })
    const { rig, before } = pool
    const [good = '', bad = '', left = ''] = before.map(({ metadata }) => metadata.name)
    wrong.add(bad)
    await pool.update()
    const labels = { 'node.machine.sapcloud.io/selected-for-update': 'true' }
    await eventually(async () => {
      const all = (await rig.nodes()).filter(({ metadata }) => [good, bad, left].includes(metadata.name))
      expect(all.map((node) => nodeUpdateOf(node).candidate)).toEqual([true, true, true])
    })
    const phaseNamed = async (name: string) => {
      const machine = (await rig.machines()).find(({ metadata }) => metadata.name === name)
      return machine === undefined ? 'gone' : phaseOf(machine)
    }
    await client.patch(nodes, { name: good }, { metadata: { labels } })
    await eventually(async () => {
      expect((await rig.deployment(namespace)).status).toMatchObject({ updatedReplicas: 1, availableReplicas: 3 })
    })
    await client.patch(nodes, { name: bad }, { metadata: { labels } })
    await eventually(async () => expect(await phaseNamed(bad)).toBe('InPlaceUpdateFailed'))
    const failed = (await rig.machines()).find(({ metadata }) => metadata.name === bad)
    expect(failed?.status?.lastOperation).toMatchObject({
      type: 'InPlaceUpdate',
      state: 'Failed',
      description: expect.stringContaining('the disk is full'),
    })
    const node = await client.get(nodes, { name: bad })
    expect(node.status?.conditions?.find(({ type }) => type === 'InPlaceUpdate')).toMatchObject({
      reason: 'UpdateFailed',
      message: expect.stringContaining('the disk is full'),
    })
    await eventually(async () => {
      expect(await phaseNamed(bad)).toBe('gone')
      expect((await rig.deployment(namespace)).status).toMatchObject({ updatedReplicas: 2, availableReplicas: 3 })
    })
    expect(await phaseNamed(left)).toBe('Running')
    expect(nodeUpdateOf(await client.get(nodes, { name: left }))).toMatchObject({ candidate: true, selected: false })
  })
})
