import { findCondition } from '@trellis/api/conditions'
import { nodes } from '@trellis/api/core/node'
import { machines } from '@trellis/api/machine/machine'
import { machineClasses } from '@trellis/api/machine/machine-class'
import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type MachineCluster, startMachineCluster } from '../../testing/machine-cluster.ts'
import { useRealStage } from '../../testing/real-stage.ts'
import { classFor, deploymentOf, plant, scale } from '../../testing/rig.ts'
import { phaseOf } from '../machine/phase.ts'
import { machineOf } from '../machine-set/template.ts'
import { usualSafety } from './settings.ts'

const stage = useRealStage()
const { eventually, untilRunning, rig: rigFor } = stage
let target: MachineCluster

beforeAll(async () => {
  target = await startMachineCluster()
})
afterAll(() => target?.[Symbol.asyncDispose]())

describe('safety on a real API server', () => {
  it('freezes a set with too many machines, and lets it go when they are gone', async () => {
    const namespace = await stage.namespace('overshoot')
    // Deletion takes its time, so that the surplus lasts.
    await using rig = rigFor(namespace, { cloud: { createMilliseconds: 200, deleteMilliseconds: 5000 } })
    await plant(stage.client, namespace, deploymentOf(namespace, 'overshoot', 2))
    rig.start()
    await untilRunning(rig, 2)
    const [set] = await rig.sets()
    if (set === undefined) expect.fail('there is no set')
    for (const suffix of ['one', 'two', 'three', 'four']) {
      await stage.client.create(machines, machineOf(set, suffix))
    }
    const marks = async () => {
      const [frozen] = await rig.sets()
      const deployment = await rig.deployment('overshoot')
      return [
        frozen?.metadata.labels?.freeze,
        findCondition(frozen?.status?.machineSetCondition, 'Frozen')?.status,
        deployment.metadata.labels?.freeze,
        findCondition(deployment.status?.conditions, 'Frozen')?.status,
      ]
    }
    await eventually(async () => expect(await marks()).toEqual(['True', 'True', 'True', 'True']))
    await eventually(async () => {
      expect(await marks()).toEqual([undefined, undefined, undefined, undefined])
      expect(await rig.machines()).toHaveLength(2)
    })
  })

  it('falls back to the next class, and parks what no class has room for', async () => {
    const namespace = await stage.namespace('fallback')
    await using rig = rigFor(namespace, { cloud: { createMilliseconds: 200, quota: { small: 2, large: 1 } } })
    await plant(stage.client, namespace, deploymentOf(namespace, 'fallback', 0))
    await stage.client.create(machineClasses, classFor(namespace, 'large', 'large'))
    const annotations = { 'machine.sapcloud.io/fallback-classes': 'large' }
    const key = { namespace, name: 'fallback' }
    await stage.client.patch(machineDeployments, key, { metadata: { annotations } }, { type: 'merge' })
    rig.start()
    await scale(stage.client, namespace, 'fallback', 4)
    await eventually(async () => {
      const found = await rig.machines()
      expect(found.map(phaseOf).sort()).toEqual(['CrashLoopBackOff', 'Running', 'Running', 'Running'])
      const running = found.filter((machine) => phaseOf(machine) === 'Running')
      expect(running.map(({ spec }) => spec?.class?.name).sort()).toEqual(['large', 'small', 'small'])
      const parked = found.find((machine) => phaseOf(machine) === 'CrashLoopBackOff')
      expect(parked?.status?.lastOperation?.errorCode).toBe('ResourceExhausted')
      expect(findCondition(parked?.status?.conditions, 'ClassAvoided')?.message).toContain('is avoided until')
      const { status } = await rig.deployment('fallback')
      expect(findCondition(status?.conditions, 'ReplicaFailure')?.reason).toBe('ResourceExhausted')
    })
    await scale(stage.client, namespace, 'fallback', 0)
    await eventually(async () => {
      expect(await rig.machines()).toEqual([])
      expect(rig.cloud.servers()).toEqual([])
    })
  })

  it('neither makes nor judges machines while the target is down, and goes on when it is back', async () => {
    const namespace = await stage.namespace('outage')
    const apiServer = { timeoutMilliseconds: 2000, periodMilliseconds: 2000 }
    await using rig = rigFor(namespace, {
      target: target.client,
      safety: { ...usualSafety, apiServer },
      settings: { healthTimeoutMilliseconds: 60_000 },
    })
    await plant(stage.client, namespace, deploymentOf(namespace, 'outage', 1))
    rig.start()
    await untilRunning(rig, 1)
    const frozen = async () => /^mcm_machine_controller_frozen (\d)$/m.exec(await rig.registry.metrics())?.[1]
    expect(await frozen()).toBe('0')
    await target.stopApiServer()
    await eventually(async () => expect(await frozen()).toBe('1'))
    await scale(stage.client, namespace, 'outage', 2)
    await eventually(async () => expect(await rig.machines()).toHaveLength(2))
    expect(rig.cloud.servers()).toHaveLength(1)
    await target.startApiServer()
    await eventually(async () => expect(await frozen()).toBe('0'))
    await untilRunning(rig, 2)
    expect((await target.client.list(nodes)).items).toHaveLength(2)
  })
})
