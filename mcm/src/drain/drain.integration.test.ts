import { findCondition } from '@trellis/api/conditions'
import { events } from '@trellis/api/core/event'
import { nodes } from '@trellis/api/core/node'
import { pods } from '@trellis/api/core/pod'
import { volumeAttachments } from '@trellis/api/core/storage'
import { podDisruptionBudgets } from '@trellis/api/core/workload'
import { machines } from '@trellis/api/machine/machine'
import { createSystemClock } from '@trellis/foundation/clock'
import { createSystemRandom } from '@trellis/foundation/random'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type MachineCluster, startMachineCluster } from '../../testing/machine-cluster.ts'
import { startPodPlayer } from '../../testing/pod-player.ts'
import { createRig, deploymentOf, plant, type Rig, type RigOptions, scale } from '../../testing/rig.ts'
import { createStatefulSet } from '../../testing/stateful.ts'
import { startVolumePlayer, type VolumePlayerOptions } from '../../testing/volume-player.ts'
import { phaseOf } from '../machine/phase.ts'

const clock = createSystemClock()
const random = createSystemRandom()
let cluster: MachineCluster

beforeAll(async () => {
  // Nobody renews the leases of these nodes.
  const withoutControllers = ['node-lifecycle-controller']
  cluster = await startMachineCluster({ withControllerManager: true, withoutControllers })
  await cluster.client.create(nodes, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'elsewhere', annotations: managedAttachment },
  })
}, 120_000)
afterAll(() => cluster?.[Symbol.asyncDispose]())

const managedAttachment = { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' }

async function eventually(check: () => Promise<void> | void, timeout = 60_000): Promise<void> {
  await vi.waitFor(check, { timeout, interval: 50 })
}

/** One machine with stateful pods on it, in the hands of real controllers. */
async function setUp(
  name: string,
  sets: Readonly<Record<string, number>>,
  options: { readonly rig?: Partial<RigOptions>; readonly player?: Partial<VolumePlayerOptions> } = {},
) {
  const { client } = cluster
  await using stack = new AsyncDisposableStack()
  const namespace = await cluster.namespace(name)
  const rig = stack.use(
    createRig({
      clock,
      random,
      control: client,
      namespace,
      cloud: { createMilliseconds: 100, deleteMilliseconds: 100 },
      joinMilliseconds: 100,
      ...options.rig,
    }),
  )
  await plant(client, namespace, deploymentOf(namespace, name, 1))
  rig.start()
  await eventually(async () => expect((await rig.machines()).map(phaseOf)).toEqual(['Running']))
  const nodeName = (await rig.machines())[0]?.metadata.labels?.node ?? ''
  await client.patch(nodes, { name: nodeName }, { metadata: { annotations: managedAttachment } })
  stack.use(startPodPlayer({ clock, random, client }, namespace, 300))
  let place = nodeName
  const player = stack.use(
    startVolumePlayer(
      { clock, random, client },
      { namespace, attachMilliseconds: 300, detachMilliseconds: 600, placeOn: () => place, ...options.player },
    ),
  )
  const volumes: string[] = []
  for (const [set, replicas] of Object.entries(sets)) {
    volumes.push(...(await createStatefulSet(client, namespace, { name: set, replicas })))
  }
  await eventually(async () => {
    const node = await client.get(nodes, { name: nodeName })
    expect(node.status?.volumesAttached?.length ?? 0).toBe(volumes.length)
    const found = (await client.list(pods, { namespace })).items
    expect(found.map(({ status }) => status?.phase)).toEqual(volumes.map(() => 'Running'))
  })
  place = 'elsewhere'
  const owned = stack.move()
  return { client, namespace, rig, player, nodeName, volumes, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

async function drainedCondition(rig: Rig) {
  return findCondition((await rig.machines())[0]?.status?.conditions, 'Drained')
}

async function eventReasons(namespace: string): Promise<readonly (string | undefined)[]> {
  return (await cluster.client.list(events, { namespace })).items.map(({ reason }) => reason)
}

describe('a drain of stateful pods, in the hands of a real attach-detach controller', () => {
  it('moves unrelated volumes together, siblings one after another, and takes the server last', async () => {
    await using world = await setUp('waves', { db: 3, solo: 1, other: 1 })
    const { client, namespace, rig, player, nodeName, volumes } = world
    let leftWithServer: readonly string[] | undefined
    const stop = rig.cloud.onChange((_, change) => {
      if (change === 'gone') leftWithServer ??= player.attachedTo(nodeName)
    })
    const begin = player.story.length
    await scale(client, namespace, 'waves', 0)
    await eventually(async () => expect(await rig.machines()).toEqual([]))
    stop()
    const story = player.story.slice(begin)
    expect(leftWithServer).toEqual([])
    const at = (entry: string) => {
      expect(story).toContain(entry)
      return story.indexOf(entry)
    }
    // One of each set at first, in whatever order the API server took them.
    expect(story.slice(0, 3).toSorted()).toEqual(['asked db-0', 'asked other-0', 'asked solo-0'])
    expect(at('asked db-1')).toBeGreaterThan(at('attached waves-db-0 elsewhere'))
    expect(at('asked db-2')).toBeGreaterThan(at('attached waves-db-1 elsewhere'))
    expect(await client.find(nodes, { name: nodeName })).toBeUndefined()
    await eventually(() => {
      expect(player.attachedTo('elsewhere').filter((volume) => volumes.includes(volume))).toHaveLength(5)
    })
    expect(await eventReasons(namespace)).not.toContain('VolumesLeftAttached')
  })

  it('detaches by force before a server goes whose pods were killed', async () => {
    await using world = await setUp('killed', { db: 2 })
    const { client, namespace, rig, player, nodeName } = world
    // A kubelet that died with everything mounted: the attach-detach controller waits six minutes for it.
    const { status } = await client.get(nodes, { name: nodeName })
    const volumesInUse = (status?.volumesAttached ?? []).map(({ name }) => name)
    await client.patch(
      nodes,
      { name: nodeName },
      { status: { volumesInUse } },
      { type: 'merge', subresource: 'status' },
    )
    let leftWithServer: readonly string[] | undefined
    const stop = rig.cloud.onChange((_, change) => {
      if (change === 'gone') leftWithServer ??= player.attachedTo(nodeName)
    })
    const [machine] = await rig.machines()
    const name = machine?.metadata.name ?? ''
    await client.patch(machines, { namespace, name }, { metadata: { labels: { 'force-deletion': 'True' } } })
    await scale(client, namespace, 'killed', 0)
    await eventually(async () => expect(await rig.machines()).toEqual([]))
    stop()
    expect(leftWithServer).toEqual([])
    expect(await eventReasons(namespace)).toContain('DrainForced')
  })

  it('says so when nobody detaches, and does not wait for ever', async () => {
    const settings = { pvDetachTimeoutMilliseconds: 2000 }
    await using world = await setUp(
      'stuck',
      { db: 1 },
      { rig: { settings }, player: { detachMilliseconds: undefined } },
    )
    const { client, namespace, rig } = world
    await scale(client, namespace, 'stuck', 0)
    await eventually(async () => {
      expect(await drainedCondition(rig)).toMatchObject({ status: 'False', reason: 'WaitingForVolumes' })
    })
    await eventually(async () => {
      const condition = await drainedCondition(rig)
      expect(condition).toMatchObject({ status: 'True', reason: 'VolumesLeftAttached' })
      expect(condition?.message).toContain('volume stuck-db-0 was not detached within 2s')
    })
    await eventually(async () => expect(await rig.machines()).toEqual([]))
    expect(await eventReasons(namespace)).toEqual(expect.arrayContaining(['DrainIncomplete', 'VolumesLeftAttached']))
    for (const { metadata } of (await client.list(volumeAttachments)).items) {
      await client.patch(volumeAttachments, { name: metadata.name }, { metadata: { finalizers: [] } })
    }
  })
})

describe('a drain that budgets hold up, in the hands of a real disruption controller', () => {
  async function guard(namespace: string, name: string, maxUnavailable: number): Promise<void> {
    await cluster.client.create(podDisruptionBudgets, {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name, namespace },
      spec: { maxUnavailable, selector: { matchLabels: { app: 'db' } } },
    })
    await eventually(async () => {
      const { status } = await cluster.client.get(podDisruptionBudgets, { namespace, name })
      expect(status).toMatchObject({ expectedPods: 1, currentHealthy: 1, disruptionsAllowed: maxUnavailable })
    })
  }

  it('names a budget that never allows anything, and goes on as soon as it does', async () => {
    await using world = await setUp('never', { db: 1 })
    const { client, namespace, rig, nodeName } = world
    await guard(namespace, 'guard', 0)
    await scale(client, namespace, 'never', 0)
    await eventually(async () => {
      const condition = await drainedCondition(rig)
      expect(condition).toMatchObject({ status: 'False', reason: 'BudgetMisconfigured' })
      expect(condition?.message).toMatch(
        /^pod never\/db-0 cannot be evicted \(tried since \S+Z\): PodDisruptionBudget never\/guard allows 0 disruptions, since \S+Z \(1 of 1 pods are healthy, 1 must be\)/,
      )
      expect(condition?.message).toContain('raise its maxUnavailable of 0')
    })
    const node = await client.get(nodes, { name: nodeName })
    expect(findCondition(node.status?.conditions, 'Terminating')).toMatchObject({ status: 'True', reason: 'ScaleDown' })
    await eventually(async () => expect(await eventReasons(namespace)).toContain('DrainHeldUp'))
    await client.patch(podDisruptionBudgets, { namespace, name: 'guard' }, { spec: { maxUnavailable: 1 } })
    await eventually(async () => expect(await rig.machines()).toEqual([]))
    await eventually(async () => expect(await eventReasons(namespace)).toContain('DrainFinished'))
  })

  it('names several budgets over one pod, and deletes it in peace when evictions were tried for long enough', async () => {
    await using world = await setUp('several', { db: 1 }, { rig: { settings: { maxEvictRetries: 1 } } })
    const { client, namespace, rig } = world
    await guard(namespace, 'guard', 1)
    await guard(namespace, 'watch', 1)
    await scale(client, namespace, 'several', 0)
    await eventually(async () => {
      const condition = await drainedCondition(rig)
      expect(condition).toMatchObject({ status: 'False', reason: 'SeveralBudgets' })
      expect(condition?.message).toContain('several/guard and several/watch')
    })
    await eventually(async () => expect(await rig.machines()).toEqual([]))
    expect(await eventReasons(namespace)).not.toContain('DrainForced')
  })
})
