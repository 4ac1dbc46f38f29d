import { findCondition } from '@trellis/api/conditions'
import { configMaps, secrets } from '@trellis/api/core/configuration'
import { nodes } from '@trellis/api/core/node'
import { pods } from '@trellis/api/core/pod'
import { podDisruptionBudgets } from '@trellis/api/core/workload'
import { joinReportName } from '@trellis/api/join-report'
import { machines } from '@trellis/api/machine/machine'
import { machineClasses } from '@trellis/api/machine/machine-class'
import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import { describe, expect, it } from 'vitest'
import { startMachineCluster } from '../testing/machine-cluster.ts'
import { podOn, startPodPlayer } from '../testing/pod-player.ts'
import { useRealStage } from '../testing/real-stage.ts'
import { classFor, classSecret, deploymentOf, plant, scale } from '../testing/rig.ts'
import { phaseOf } from './machine/phase.ts'

const quickCloud = { createMilliseconds: 300, deleteMilliseconds: 200, jitter: 0.3 }
const stage = useRealStage({ cloud: quickCloud, joinMilliseconds: 300 })
const { clock, random, eventually, untilRunning, rig: rigFor } = stage

describe('the manager on a real API server', () => {
  it('follows 0 → 20 → 5 → 0 and leaves nothing behind', async () => {
    const namespace = await stage.namespace('scaling')
    await using rig = rigFor(namespace)
    await plant(stage.client, namespace, deploymentOf(namespace, 'scaling', 0))
    rig.start()
    await scale(stage.client, namespace, 'scaling', 20)
    await untilRunning(rig, 20)
    expect(rig.cloud.peak()).toBe(20)
    const [machine] = await rig.machines()
    const node = await stage.client.get(nodes, { name: machine?.metadata.labels?.node ?? '' })
    expect(node.metadata.labels).toMatchObject({
      'node.gardener.cloud/machine-name': machine?.metadata.name,
      pool: 'scaling',
    })
    await eventually(async () => {
      const { status } = await rig.deployment('scaling')
      expect(status).toMatchObject({ replicas: 20, readyReplicas: 20, availableReplicas: 20, updatedReplicas: 20 })
      expect(findCondition(status?.conditions, 'Progressing')).toMatchObject({
        status: 'True',
        reason: 'NewMachineSetAvailable',
      })
    })
    await scale(stage.client, namespace, 'scaling', 5)
    await eventually(async () => {
      expect(rig.cloud.servers()).toHaveLength(5)
      expect(await rig.machines()).toHaveLength(5)
    })
    await scale(stage.client, namespace, 'scaling', 0)
    await eventually(async () => expect(await rig.machines()).toEqual([]))
    expect(rig.cloud.servers()).toEqual([])
    const left = (await stage.client.list(nodes)).items.filter(({ metadata }) => metadata.name.startsWith('scaling-'))
    expect(left).toEqual([])
    const tokens = await stage.client.list(secrets, {
      namespace: 'kube-system',
      fieldSelector: 'type=bootstrap.kubernetes.io/token',
    })
    expect(tokens.items).toEqual([])
  })

  it('replaces every machine when the class changes, within surge and without a gap', async () => {
    const namespace = await stage.namespace('rolling')
    await using rig = rigFor(namespace)
    await plant(stage.client, namespace, deploymentOf(namespace, 'rolling', 4))
    await stage.client.create(machineClasses, classFor(namespace, 'large', 'large'))
    rig.start()
    await untilRunning(rig, 4)
    let fewest = 4
    const stop = rig.cloud.onChange(() => {
      fewest = Math.min(fewest, rig.cloud.servers().filter(({ state }) => state === 'running').length)
    })
    await stage.client.patch(
      machineDeployments,
      { namespace, name: 'rolling' },
      { spec: { template: { spec: { class: { name: 'large' } } } } },
      { type: 'merge' },
    )
    await eventually(async () => {
      expect(rig.cloud.servers().map(({ machineType }) => machineType)).toEqual(['large', 'large', 'large', 'large'])
      const { status } = await rig.deployment('rolling')
      expect(status).toMatchObject({ replicas: 4, updatedReplicas: 4, availableReplicas: 4 })
      expect(findCondition(status?.conditions, 'Progressing')?.reason).toBe('NewMachineSetAvailable')
    })
    stop()
    expect(rig.cloud.peak()).toBe(5)
    expect(fewest).toBeGreaterThanOrEqual(4)
    // The class that is no longer in use may go, its successor may not.
    await eventually(async () => {
      expect((await stage.client.get(machineClasses, { namespace, name: 'small' })).metadata.finalizers ?? []).toEqual(
        [],
      )
    })
    expect((await stage.client.get(machineClasses, { namespace, name: 'large' })).metadata.finalizers).toHaveLength(1)
  })

  it('recovers from creations that fail, and shows why meanwhile', async () => {
    const namespace = await stage.namespace('failing')
    await using rig = rigFor(namespace, {
      cloud: {
        ...quickCloud,
        failures: [
          { operation: 'create', times: 2, kind: 'Unavailable', message: 'the hypervisor is tired' },
          { operation: 'create', times: 1, when: 'after', message: 'the answer was lost' },
          { operation: 'boot', times: 1, message: 'no root device' },
        ],
      },
    })
    await plant(stage.client, namespace, deploymentOf(namespace, 'failing', 1))
    rig.start()
    await eventually(async () => {
      const [machine] = await rig.machines()
      expect(machine?.status).toMatchObject({
        currentStatus: { phase: 'CrashLoopBackOff' },
        lastOperation: { type: 'Create', state: 'Failed', errorCode: 'Unavailable' },
      })
      expect(machine?.status?.lastOperation?.description).toContain('the hypervisor is tired')
    })
    await untilRunning(rig, 1)
    expect(rig.cloud.peak()).toBe(1)
  })

  it('waits for a missing class and goes on by itself when it comes', async () => {
    const namespace = await stage.namespace('classless')
    await using rig = rigFor(namespace)
    await stage.client.create(machineDeployments, deploymentOf(namespace, 'classless', 2))
    rig.start()
    await eventually(async () => {
      const found = await rig.machines()
      expect(found).toHaveLength(2)
      for (const machine of found) {
        expect(machine.status?.lastOperation).toMatchObject({
          state: 'Failed',
          description: 'MachineClass small does not exist',
        })
      }
      const { status } = await rig.deployment('classless')
      expect(findCondition(status?.conditions, 'ReplicaFailure')).toMatchObject({
        status: 'True',
        reason: 'MachineClassMissing',
        message: 'MachineClass small does not exist; no machine can be made',
      })
    })
    await stage.client.create(machineClasses, classFor(namespace))
    await eventually(async () => {
      const [machine] = await rig.machines()
      expect(machine?.status?.lastOperation?.description).toContain(`Secret ${namespace}/class-secret`)
    })
    await stage.client.create(secrets, classSecret(namespace))
    await untilRunning(rig, 2)
    await eventually(async () => {
      const { status } = await rig.deployment('classless')
      expect(findCondition(status?.conditions, 'ReplicaFailure')).toBeUndefined()
    })
  })

  it('makes nothing twice when it is killed and started again, again and again', async () => {
    const namespace = await stage.namespace('restarting')
    await using rig = rigFor(namespace, { cloud: { createMilliseconds: 1500, deleteMilliseconds: 500 } })
    await plant(stage.client, namespace, deploymentOf(namespace, 'restarting', 6))
    for (let round = 0; round < 5; round++) {
      rig.start()
      await clock.sleep(150 + round * 250)
      await rig.stop()
    }
    rig.start()
    await untilRunning(rig, 6)
    expect(rig.cloud.peak()).toBe(6)
    expect(await rig.sets()).toHaveLength(1)
    expect(new Set(rig.cloud.servers().map(({ machineName }) => machineName)).size).toBe(6)
  })
})

describe('a drain on a real API server', () => {
  it('moves pods one budget at a time, gives them their grace, and names who holds it up', async () => {
    const namespace = await stage.namespace('draining')
    await using rig = rigFor(namespace)
    await using player = startPodPlayer({ clock, random, client: stage.client }, namespace, 700)
    await plant(stage.client, namespace, deploymentOf(namespace, 'draining', 1))
    rig.start()
    await untilRunning(rig, 1)
    const [machine] = await rig.machines()
    const nodeName = machine?.metadata.labels?.node ?? ''
    await stage.client.create(pods, podOn(namespace, 'free', nodeName))
    await stage.client.create(pods, podOn(namespace, 'guarded', nodeName, { app: 'guarded' }))
    const agent = podOn(namespace, 'agent', nodeName)
    agent.metadata.ownerReferences = [
      { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'agent', uid: 'agent', controller: true },
    ]
    await stage.client.create(pods, agent)
    const budget = await stage.client.create(podDisruptionBudgets, {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'guard', namespace },
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'guarded' } } },
    })
    const allow = async (disruptionsAllowed: number) => {
      const status = {
        observedGeneration: 1,
        expectedPods: 1,
        currentHealthy: 1,
        desiredHealthy: 1 - disruptionsAllowed,
        disruptionsAllowed,
      }
      await stage.client.patch(
        podDisruptionBudgets,
        { namespace, name: budget.metadata.name },
        { status },
        { type: 'merge', subresource: 'status' },
      )
    }
    await allow(0)
    await eventually(async () => {
      expect((await stage.client.get(pods, { namespace, name: 'guarded' })).status?.phase).toBe('Running')
    })

    await scale(stage.client, namespace, 'draining', 0)
    await eventually(async () => {
      const [leaving] = await rig.machines()
      const drained = findCondition(leaving?.status?.conditions, 'Drained')
      expect(drained).toMatchObject({ status: 'False', reason: 'BudgetMisconfigured' })
      expect(drained?.message).toContain(`pod ${namespace}/guarded cannot be evicted`)
      expect(drained?.message).toContain('guard')
      expect(phaseOf(leaving ?? { apiVersion: '', kind: '', metadata: { name: '' } })).toBe('Terminating')
    })
    expect((await stage.client.get(nodes, { name: nodeName })).spec?.unschedulable).toBe(true)
    expect(rig.cloud.servers()).toHaveLength(1)
    await allow(1)
    await eventually(async () => expect(await rig.machines()).toEqual([]))
    expect(player.ended.map(({ name }) => name).sort()).toEqual(['free', 'guarded'])
    for (const { stoppedAfter } of player.ended) expect(stoppedAfter).toBeGreaterThanOrEqual(700)
    expect(rig.cloud.servers()).toEqual([])
    expect(await stage.client.find(nodes, { name: nodeName })).toBeUndefined()
    await stage.client.delete(pods, { namespace, name: 'agent' }, { gracePeriodSeconds: 0 })
  })

  it('is forced when the time is up', async () => {
    const namespace = await stage.namespace('forcing')
    await using rig = rigFor(namespace)
    // A kubelet that never stops anything.
    await plant(
      stage.client,
      namespace,
      deploymentOf(namespace, 'forcing', 1, {
        template: {
          metadata: { labels: { name: 'forcing' } },
          spec: { class: { kind: 'MachineClass', name: 'small' }, drainTimeout: '2s' },
        },
      }),
    )
    rig.start()
    await untilRunning(rig, 1)
    const [machine] = await rig.machines()
    await stage.client.create(pods, podOn(namespace, 'stubborn', machine?.metadata.labels?.node ?? ''))
    await scale(stage.client, namespace, 'forcing', 0)
    await eventually(async () => expect(await rig.machines()).toEqual([]))
    expect(await stage.client.find(pods, { namespace, name: 'stubborn' })).toBeUndefined()
  })
})

describe('a target cluster of its own', () => {
  it('makes servers while the target does not answer, and joins them once it does', async () => {
    await using target = await startMachineCluster()
    await target.stopApiServer()
    const namespace = await stage.namespace('early')
    await using rig = rigFor(namespace, { target: target.client })
    await plant(stage.client, namespace, deploymentOf(namespace, 'early', 2))
    rig.start()
    await eventually(async () => {
      expect((await rig.machines()).map(phaseOf)).toEqual(['Pending', 'Pending'])
      expect(rig.cloud.servers()).toHaveLength(2)
    })
    await target.startApiServer()
    const [machine] = await rig.machines()
    const name = machine?.metadata.name ?? ''
    const report = {
      machine: name,
      role: 'worker',
      state: 'joining',
      startedAt: '2026-01-01T00:00:00Z',
      updatedAt: '2026-01-01T00:00:00Z',
      restarts: {},
      steps: [{ name: 'start-kubelet', state: 'running', tries: 1 }],
    }
    await target.client.create(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: joinReportName(name), namespace: 'kube-system' },
      data: { report: JSON.stringify(report) },
    })
    await untilRunning(rig, 2)
    await stage.client.delete(machines, { namespace, name })
    await eventually(async () => {
      expect(
        await target.client.find(configMaps, { namespace: 'kube-system', name: joinReportName(name) }),
      ).toBeUndefined()
      expect((await rig.machines()).map(phaseOf)).toEqual(['Running', 'Running'])
    })
    expect((await rig.nodes()).map(({ metadata }) => metadata.name)).not.toContain(name)
  })

  it('speaks to the control cluster alone when there is none', async () => {
    const namespace = await stage.namespace('aimless')
    await using rig = rigFor(namespace, { target: null })
    await plant(stage.client, namespace, deploymentOf(namespace, 'aimless', 1))
    await stage.client.patch(
      secrets,
      { namespace, name: 'class-secret' },
      { stringData: { userData: '#cloud-config' } },
      { type: 'merge' },
    )
    rig.start()
    await eventually(async () => {
      const [machine] = await rig.machines()
      expect(machine?.status).toMatchObject({ currentStatus: { phase: 'Available' } })
      expect(machine?.status?.addresses?.[0]?.type).toBe('InternalIP')
    })
    await scale(stage.client, namespace, 'aimless', 0)
    await eventually(async () => expect(await rig.machines()).toEqual([]))
  })
})
