import { nodes } from '@trellis/api/core/node'
import { pods } from '@trellis/api/core/pod'
import { type Machine, machines } from '@trellis/api/machine/machine'
import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { epoch } from '../testing/objects.ts'
import { createRig, deploymentOf, plant, type RigOptions, scale } from '../testing/rig.ts'
import { phaseOf } from './machine/phase.ts'

const namespace = 'shoot--local--first'
const cloud = { createMilliseconds: 1000, deleteMilliseconds: 500 }
const minute = 60_000
const hour = 60 * minute
const key = 'node.machine.sapcloud.io/preserve'
const disabled = 'cluster-autoscaler.kubernetes.io/scale-down-disabled'
const taint = { key: 'node.machine.sapcloud.io/preserved', effect: 'NoSchedule' }

async function setUp(replicas: number, options: Partial<RigOptions> & { readonly most?: number } = {}) {
  const clock = createVirtualClock(epoch)
  const random = createSeededRandom('preservation')
  const client = createFakeClient({ clock, random: random.child('server') })
  const rig = createRig({ clock, random, control: client, namespace, cloud, joinMilliseconds: 2000, ...options })
  const { most } = options
  const spec = most === undefined ? {} : { autoPreserveFailedMachineMax: most }
  await plant(client, namespace, deploymentOf(namespace, 'pool', replicas, spec))
  rig.start()
  await clock.advance(10_000)
  const names = (await rig.machines()).map(({ metadata }) => metadata.name)
  const annotate = (name: string, value: string | null) =>
    client.patch(machines, { namespace, name }, { metadata: { annotations: { [key]: value } } })
  const annotateNode = (name: string, value: string | null) =>
    client.patch(nodes, { name }, { metadata: { annotations: { [key]: value } } })
  const machine = (name: string) => client.find(machines, { namespace, name })
  const node = (name: string) => client.get(nodes, { name })
  return { clock, client, rig, names, annotate, annotateNode, machine, node }
}

const phases = (found: readonly Machine[]) => found.map(phaseOf).sort()
const preservedOf = (conditions: readonly { type: string; status: string; reason?: string }[] = []) =>
  conditions.filter(({ type }) => type === 'Preserved').map(({ status, reason }) => `${status} ${reason}`)

describe('preservation in virtual time', () => {
  it('keeps a machine that a user asked for: its node from the autoscaler, and when it fails, its server without pods', async () => {
    const { clock, client, rig, names, annotateNode, machine, node } = await setUp(2)
    const [name = '', other = ''] = names
    await annotateNode(name, 'now')
    await clock.advance(1000)
    expect((await machine(name))?.status?.currentStatus?.preserveExpiryTime).toBe('2026-01-05T00:00:10Z')
    expect((await node(name)).metadata.annotations).toMatchObject({ [disabled]: 'true' })
    expect(preservedOf((await node(name)).status?.conditions)).toEqual(['True PreservedByUser'])
    expect((await node(name)).spec?.taints ?? []).toEqual([])
    await client.create(pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', namespace: 'default' },
      spec: { nodeName: name, containers: [] },
      status: { phase: 'Running' },
    })
    await rig.nodeMaker.setReady(name, false)
    await clock.advance(30 * minute)
    expect(phases(await rig.machines())).toEqual(['Failed', 'Running'])
    expect(await client.find(pods, { namespace: 'default', name: 'web' })).toBeUndefined()
    expect(await node(name)).toMatchObject({ spec: { taints: [taint], unschedulable: true } })
    const deployment = await rig.deployment('pool')
    expect(deployment.status).toMatchObject({ preservedFailedReplicas: 1, availableReplicas: 1, replicas: 2 })
    const before = client.calls.length
    await clock.advance(2 * hour)
    const reads = ['watch', 'list', 'find', 'get']
    expect(client.calls.slice(before).filter(({ method }) => !reads.includes(method))).toEqual([])
    await clock.advance(95 * hour)
    expect(await machine(name)).toBeUndefined()
    expect(phases(await rig.machines())).toEqual(['Running', 'Running'])
    expect(await machine(other)).toBeDefined()
    expect((await rig.deployment('pool')).status).toMatchObject({ preservedFailedReplicas: 0 })
    await rig[Symbol.asyncDispose]()
  })

  it('drains a machine anew that failed, recovered while it was drained, and is deleted then', async () => {
    const { clock, client, rig, names, annotate, machine, node } = await setUp(1)
    const [name = ''] = names
    await annotate(name, 'when-failed')
    const metadata = { name: 'held', namespace: 'default', finalizers: ['example.com/held'] }
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { nodeName: name, containers: [] } }
    await client.create(pods, { ...pod, status: { phase: 'Running' } })
    await rig.nodeMaker.setReady(name, false)
    await clock.advance(11 * minute)
    expect([phaseOf((await machine(name)) as Machine), (await node(name)).spec?.unschedulable]).toEqual([
      'Failed',
      true,
    ])
    await rig.nodeMaker.setReady(name, true)
    await clock.advance(minute)
    expect((await node(name)).spec?.unschedulable).not.toBe(true)
    await client.delete(machines, { namespace, name })
    await clock.advance(10_000)
    expect((await node(name)).spec?.unschedulable).toBe(true)
    await rig.stop()
  })

  it('lets a machine that recovers take pods again', async () => {
    const { clock, rig, names, annotate, machine, node } = await setUp(1)
    const [name = ''] = names
    await annotate(name, 'when-failed')
    await rig.nodeMaker.setReady(name, false)
    await clock.advance(30 * minute)
    expect(phaseOf((await machine(name)) as Machine)).toBe('Failed')
    await rig.nodeMaker.setReady(name, true)
    await clock.advance(minute)
    const recovered = await machine(name)
    expect(recovered?.status?.currentStatus).toMatchObject({ phase: 'Running' })
    expect(recovered?.status?.currentStatus).not.toHaveProperty('preserveExpiryTime')
    expect(recovered?.metadata.annotations).toMatchObject({ [key]: 'when-failed' })
    const seen = await node(name)
    expect(seen.spec?.taints).toEqual([])
    expect(seen.spec?.unschedulable).toBeUndefined()
    expect(seen.metadata.annotations).not.toHaveProperty([disabled])
    expect(preservedOf(seen.status?.conditions)).toEqual(['False PreservationStopped'])
    await rig[Symbol.asyncDispose]()
  })

  it('preserves as many failed machines by itself as it may, and replaces the others', async () => {
    const { clock, rig, names, annotate } = await setUp(3, { most: 1 })
    for (const name of names) await rig.nodeMaker.setReady(name, false)
    await clock.advance(60 * minute)
    const found = await rig.machines()
    expect(phases(found)).toEqual(['Failed', 'Running', 'Running'])
    const [set] = await rig.sets()
    expect(set?.status).toMatchObject({ autoPreserveFailedMachineCount: 1, preservedFailedReplicas: 1 })
    const kept = found.find((one) => phaseOf(one) === 'Failed')?.metadata.name ?? ''
    await annotate(kept, 'false')
    await clock.advance(minute)
    expect(phases(await rig.machines())).toEqual(['Running', 'Running', 'Running'])
    expect(rig.cloud.servers()).toHaveLength(3)
    await rig[Symbol.asyncDispose]()
  })

  it('follows the number that the deployment says, and lets the rest go', async () => {
    const { clock, client, rig, names } = await setUp(2, { most: 2 })
    for (const name of names) await rig.nodeMaker.setReady(name, false)
    await clock.advance(60 * minute)
    expect(phases(await rig.machines())).toEqual(['Failed', 'Failed'])
    const spec = { autoPreserveFailedMachineMax: 0 }
    await client.patch(machineDeployments, { namespace, name: 'pool' }, { spec })
    await clock.advance(minute)
    expect(phases(await rig.machines())).toEqual(['Running', 'Running'])
    await rig[Symbol.asyncDispose]()
  })

  it('shrinks by machines that are not preserved first, and is overridden by whoever deletes a machine', async () => {
    const { clock, client, rig, names, annotate } = await setUp(3)
    const [name = '', second = ''] = names
    await annotate(name, 'now')
    await annotate(second, 'when-failed')
    await clock.advance(1000)
    await scale(client, namespace, 'pool', 1)
    await clock.advance(minute)
    expect((await rig.machines()).map(({ metadata }) => metadata.name)).toEqual([name])
    await client.delete(machines, { namespace, name })
    await clock.advance(minute)
    const found = await rig.machines()
    expect(found.map(({ metadata }) => metadata.name)).not.toContain(name)
    expect(phases(found)).toEqual(['Running'])
    await rig[Symbol.asyncDispose]()
  })

  it('does not hold up a rollout', async () => {
    const { clock, client, rig, names, annotate } = await setUp(2)
    for (const name of names) await annotate(name, 'now')
    await clock.advance(1000)
    const spec = { template: { metadata: { annotations: { again: '1' } } } }
    await client.patch(machineDeployments, { namespace, name: 'pool' }, { spec })
    await clock.advance(5 * minute)
    const found = await rig.machines()
    expect(phases(found)).toEqual(['Running', 'Running'])
    expect(found.map(({ metadata }) => metadata.name).filter((name) => names.includes(name))).toEqual([])
    await rig[Symbol.asyncDispose]()
  })

  it('goes on where a process ended in between', async () => {
    const { clock, rig, names, annotate, machine, node } = await setUp(1)
    const [name = ''] = names
    await annotate(name, 'when-failed')
    await rig.nodeMaker.setReady(name, false)
    await clock.advance(8 * minute)
    await rig.stop()
    await clock.advance(hour)
    rig.start()
    await clock.advance(20 * minute)
    expect(phaseOf((await machine(name)) as Machine)).toBe('Failed')
    expect((await node(name)).spec?.taints).toEqual([taint])
    await rig.stop()
    await annotate(name, null)
    rig.start()
    await clock.advance(minute)
    expect(await machine(name)).toBeUndefined()
    expect(phases(await rig.machines())).toEqual(['Running'])
    await rig[Symbol.asyncDispose]()
  })

  it('works without a cluster to join', async () => {
    const { clock, rig, names, annotate, machine } = await setUp(1, { target: null })
    const [name = ''] = names
    await annotate(name, 'now')
    await clock.advance(1000)
    const kept = await machine(name)
    expect(kept?.status).toMatchObject({
      addresses: [{ type: 'InternalIP' }, { type: 'Hostname' }],
      currentStatus: { phase: 'Available', preserveExpiryTime: '2026-01-05T00:00:10Z' },
    })
    await clock.advance(97 * hour)
    expect((await machine(name))?.status?.currentStatus).not.toHaveProperty('preserveExpiryTime')
    expect((await machine(name))?.metadata.annotations).not.toHaveProperty([key])
    await rig[Symbol.asyncDispose]()
  })
})
