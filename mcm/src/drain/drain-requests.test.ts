import { findCondition } from '@trellis/api/conditions'
import { nodes } from '@trellis/api/core/node'
import { pods } from '@trellis/api/core/pod'
import { type PodDisruptionBudget, podDisruptionBudgets } from '@trellis/api/core/workload'
import { machines } from '@trellis/api/machine/machine'
import { Failure } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { at, epoch, podNamed } from '../../testing/objects.ts'
import { createRig, deploymentOf, plant, type RigOptions } from '../../testing/rig.ts'

const namespace = 'ns'
const minute = 60_000
const drainKinds = ['poddisruptionbudgets', 'volumeattachments', 'persistentvolumes', 'persistentvolumeclaims']

/** One running machine, whose pods the test makes and the API server evicts when the test says so. */
async function setUp(options: Partial<RigOptions> = {}) {
  const clock = createVirtualClock(epoch)
  const random = createSeededRandom('drains')
  const client = createFakeClient({ clock, random: random.child('server') })
  const cloud = { createMilliseconds: 1000, deleteMilliseconds: 500 }
  const rig = createRig({ clock, random, control: client, namespace, cloud, joinMilliseconds: 1000, ...options })
  await plant(client, namespace, deploymentOf(namespace, 'pool', 1))
  rig.start()
  await clock.advance(10_000)
  const [machine] = await rig.machines()
  const nodeName = machine?.metadata.labels?.node ?? ''
  const evictions: number[] = []
  let refuses = false
  client.onRequest(({ path }) => {
    if (!path.endsWith('/eviction')) return undefined
    evictions.push(clock.now())
    if (refuses) throw new Failure('Throttled', 'Cannot evict pod as it would violate the pod’s disruption budget.')
    return undefined
  })
  return {
    clock,
    client,
    rig,
    nodeName,
    evictions,
    refuse: (next: boolean) => {
      refuses = next
    },
    run: (name: string) => {
      const { apiVersion, kind, metadata, status } = podNamed(name, { metadata: { labels: { app: 'web' } } })
      const { uid: _, ...rest } = metadata
      return client.create(pods, {
        apiVersion,
        kind,
        metadata: rest,
        spec: { nodeName, containers: [] },
        ...{ status },
      })
    },
    leave: () => client.delete(machines, { namespace, name: machine?.metadata.name ?? '' }),
    condition: async () =>
      findCondition(
        (await client.find(machines, { namespace, name: machine?.metadata.name ?? '' }))?.status?.conditions,
        'Drained',
      ),
    asked: (method: string, target: string, from = 0) =>
      client.calls.slice(from).filter((call) => call.method === method && call.target === target).length,
  }
}

const budget: PodDisruptionBudget = {
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { name: 'web', namespace: 'default' },
  spec: { maxUnavailable: 1, selector: { matchLabels: { app: 'web' } } },
}

describe('what a drain asks of the API server', () => {
  it('is nothing about budgets and volumes where there are none', async () => {
    const { client, clock, rig, leave, run } = await setUp()
    await run('web-0')
    await leave()
    await clock.advance(10_000)
    expect(client.calls.filter(({ target }) => drainKinds.includes(target))).toEqual([])
    await rig[Symbol.asyncDispose]()
  })

  it('is little while a budget refuses, and the next thing at once when it opens', async () => {
    const { client, clock, rig, leave, run, refuse, evictions, asked, condition } = await setUp()
    await client.create(podDisruptionBudgets, budget)
    const allow = (disruptionsAllowed: number) => {
      const status = { expectedPods: 2, currentHealthy: 1, desiredHealthy: 1, disruptionsAllowed }
      const key = { namespace: 'default', name: 'web' }
      return client.patch(podDisruptionBudgets, key, { status }, { subresource: 'status' })
    }
    await allow(0)
    await run('web-0')
    refuse(true)
    const watches = client.watchCount()
    await leave()
    await clock.advance(60 * minute)
    // One at first, and one a minute in case the watch of the budgets is wrong.
    expect(evictions.length).toBeGreaterThan(30)
    expect(evictions.length).toBeLessThanOrEqual(63)
    const writes = asked('replaceStatus', 'machines')
    await clock.advance(30 * minute)
    expect(asked('replaceStatus', 'machines')).toBe(writes)
    expect(asked('patch', 'nodes')).toBeLessThan(10)
    expect(await condition()).toMatchObject({
      status: 'False',
      reason: 'EvictionRefused',
      message:
        `pod default/web-0 cannot be evicted (tried since ${at(10)}): ` +
        'PodDisruptionBudget default/web allows 0 disruptions (1 of 2 pods are healthy, 1 must be)',
    })
    refuse(false)
    const opened = clock.now()
    await allow(1)
    await clock.advance(1000)
    expect(evictions.at(-1)).toBeLessThan(opened + 1000)
    await clock.advance(10_000)
    expect((await rig.machines()).filter(({ metadata }) => metadata.deletionTimestamp !== undefined)).toEqual([])
    // Nobody follows budgets and the node's pods any more.
    expect(client.watchCount()).toBe(watches)
    await rig[Symbol.asyncDispose]()
  })

  it('is the same again for a process that takes over in the middle', async () => {
    const { client, clock, rig, leave, run, refuse, evictions, nodeName } = await setUp()
    await run('web-0')
    refuse(true)
    await leave()
    await clock.advance(5000)
    await rig.stop()
    rig.start()
    const before = evictions.length
    await clock.advance(5000)
    expect(evictions.length).toBeGreaterThan(before)
    expect(rig.cloud.servers().map(({ machineName }) => machineName)).toContain(nodeName)
    const node = await client.get(nodes, { name: nodeName })
    expect(node.metadata.finalizers).toEqual(['node.machine.sapcloud.io/machine-controller'])
    refuse(false)
    await clock.advance(30_000)
    expect(await client.find(nodes, { name: nodeName })).toBeUndefined()
    expect(rig.cloud.servers().map(({ machineName }) => machineName)).not.toContain(nodeName)
    await rig[Symbol.asyncDispose]()
  })
})
