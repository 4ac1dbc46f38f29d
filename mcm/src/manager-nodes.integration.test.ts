import { type Node, nodes } from '@trellis/api/core/node'
import { pods } from '@trellis/api/core/pod'
import { machines } from '@trellis/api/machine/machine'
import { machineClasses } from '@trellis/api/machine/machine-class'
import { describe, expect, it } from 'vitest'
import { podOn, startPodPlayer } from '../testing/pod-player.ts'
import { useRealStage } from '../testing/real-stage.ts'
import { deploymentOf, plant, type Rig, type RigOptions } from '../testing/rig.ts'
import { phaseOf } from './machine/phase.ts'

const finalizer = 'node.machine.sapcloud.io/machine-controller'
const stage = useRealStage()
const { clock, random, eventually } = stage

async function rigOfOne(namespace: string, options: Partial<RigOptions> = {}): Promise<{ rig: Rig; name: string }> {
  const rig = stage.rig(namespace, options)
  await plant(stage.client, namespace, deploymentOf(namespace, namespace, 1))
  rig.start()
  await stage.untilRunning(rig, 1)
  const [machine] = await rig.machines()
  return { rig, name: machine?.metadata.name ?? '' }
}

const nodeNamed = (name: string): Promise<Node> => stage.client.get(nodes, { name })
const preservedOf = ({ status }: Node) => status?.conditions?.find(({ type }) => type === 'Preserved')

describe('nodes on a real API server', () => {
  it('takes a machine with its node, and leaves the finalizers of others alone', async () => {
    const namespace = await stage.namespace('guarded')
    const { rig, name } = await rigOfOne(namespace)
    await using _ = rig
    const theirs = 'example.com/theirs'
    await stage.client.patch(nodes, { name }, { metadata: { finalizers: [theirs] } }, { type: 'strategic' })
    expect((await nodeNamed(name)).metadata.finalizers?.sort()).toEqual([theirs, finalizer].sort())
    await stage.client.delete(nodes, { name })
    await eventually(async () => {
      expect(await stage.client.find(machines, { namespace, name })).toBeUndefined()
      expect((await rig.machines()).map(phaseOf)).toEqual(['Running'])
    })
    expect((await nodeNamed(name)).metadata).toMatchObject({
      finalizers: [theirs],
      deletionTimestamp: expect.any(String),
    })
    await stage.client.patch(nodes, { name }, { metadata: { finalizers: null } }, { type: 'merge' })
    await eventually(async () => expect(await stage.client.find(nodes, { name })).toBeUndefined())
  })

  it('adds virtual capacity to what a node has, and takes it away again', async () => {
    const namespace = await stage.namespace('virtual')
    const { rig, name } = await rigOfOne(namespace)
    await using _ = rig
    const nodeTemplate = { capacity: { cpu: 4, gpu: 0, memory: '8Gi' }, instanceType: 'm', region: 'r', zone: 'z' }
    const change = (virtualCapacity: Record<string, string | null> | null) =>
      stage.client.patch(
        machineClasses,
        { namespace, name: 'small' },
        { nodeTemplate: { ...nodeTemplate, virtualCapacity } },
        { type: 'merge' },
      )
    const key = 'node.machine.sapcloud.io/last-applied-virtual-capacity'
    await change({ 'example.com/slots': '2000m', 'example.com/seats': '3' })
    await eventually(async () => {
      const { metadata, status } = await nodeNamed(name)
      // The API server writes quantities in its own way.
      expect(status?.capacity).toMatchObject({ cpu: '4', 'example.com/slots': '2', 'example.com/seats': '3' })
      expect(metadata.annotations?.[key]).toBe('{"example.com/seats":"3","example.com/slots":"2000m"}')
    })
    const settled = (await nodeNamed(name)).metadata.resourceVersion
    await change({ 'example.com/seats': null })
    await eventually(async () => {
      const { metadata, status } = await nodeNamed(name)
      expect(status?.capacity).not.toHaveProperty(['example.com/seats'])
      expect(metadata.annotations?.[key]).toBe('{"example.com/slots":"2000m"}')
      expect(metadata.resourceVersion).not.toBe(settled)
    })
    await change(null)
    await eventually(async () => {
      const { metadata, status } = await nodeNamed(name)
      expect(status?.capacity).not.toHaveProperty(['example.com/slots'])
      expect(status?.capacity).toMatchObject({ cpu: '4' })
      expect(metadata.annotations).not.toHaveProperty([key])
    })
  })

  it('keeps a failed machine without its pods, and takes it back when it recovers', async () => {
    const namespace = await stage.namespace('kept')
    await using player = startPodPlayer({ clock, random, client: stage.client }, namespace, 100)
    const { rig, name } = await rigOfOne(namespace, { settings: { healthTimeoutMilliseconds: 1500 } })
    await using _ = rig
    await stage.client.create(pods, podOn(namespace, 'web', name))
    const wish = { metadata: { annotations: { 'node.machine.sapcloud.io/preserve': 'when-failed' } } }
    await stage.client.patch(nodes, { name }, wish, { type: 'merge' })
    await eventually(async () => {
      const { metadata } = await stage.client.get(machines, { namespace, name })
      expect(metadata.annotations).toMatchObject({
        'node.machine.sapcloud.io/last-applied-node-preserve-value': 'when-failed',
      })
    })
    await rig.nodeMaker.setReady(name, false)
    await eventually(async () => {
      const machine = await stage.client.get(machines, { namespace, name })
      const node = await nodeNamed(name)
      expect(machine.status?.currentStatus).toMatchObject({ phase: 'Failed', preserveExpiryTime: expect.any(String) })
      expect(machine.status?.conditions).toContainEqual(expect.objectContaining({ type: 'Preserved', status: 'True' }))
      expect(preservedOf(node)).toMatchObject({ status: 'True', reason: 'PreservedByUser' })
      expect(node.spec?.taints).toContainEqual({ key: 'node.machine.sapcloud.io/preserved', effect: 'NoSchedule' })
      expect(node.metadata.annotations).toHaveProperty(['node.machine.sapcloud.io/drained-for-preservation'])
      expect((await rig.deployment(namespace)).status).toMatchObject({ preservedFailedReplicas: 1, replicas: 1 })
    })
    expect(player.ended.map((pod) => pod.name)).toEqual(['web'])
    await rig.nodeMaker.setReady(name, true)
    await eventually(async () => {
      const machine = await stage.client.get(machines, { namespace, name })
      const node = await nodeNamed(name)
      expect(machine.status?.currentStatus?.phase).toBe('Running')
      expect(machine.status?.currentStatus).not.toHaveProperty('preserveExpiryTime')
      expect(preservedOf(node)).toMatchObject({ status: 'False', reason: 'PreservationStopped' })
      expect((node.spec?.taints ?? []).map(({ key }) => key)).not.toContain('node.machine.sapcloud.io/preserved')
      expect(node.spec?.unschedulable).toBeUndefined()
      expect(node.metadata.annotations).not.toHaveProperty(['cluster-autoscaler.kubernetes.io/scale-down-disabled'])
    })
    expect(rig.cloud.servers()).toHaveLength(1)
  })
})
