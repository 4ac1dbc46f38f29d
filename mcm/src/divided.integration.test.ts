import { machineClasses } from '@trellis/api/machine/machine-class'
import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import { InvariantError } from '@trellis/foundation/failure'
import { describe, expect, it } from 'vitest'
import { testAutoscalerContract } from '../testing/autoscaler-conformance.ts'
import { divisions, lateProcesses, processesOf } from '../testing/divisions.ts'
import { useRealStage } from '../testing/real-stage.ts'
import { classFor, deploymentOf, plant, scale } from '../testing/rig.ts'

const stage = useRealStage()
const threefold = divisions.find(({ parts }) => parts.length === 3)
if (threefold === undefined) throw new InvariantError('no division is threefold')

describe(`controllers divided into ${threefold.name} on a real API server`, () => {
  testAutoscalerContract(() => ({
    ...stage,
    client: stage.client,
    rig: (namespace, options) =>
      stage.rig(namespace, { processes: lateProcesses(threefold, 'machines', 1000), ...options }),
    during: (action) => action,
  }))

  it.each(divisions)('grow, roll and shrink a pool: $name', async (division) => {
    const namespace = await stage.namespace(`divided-${divisions.indexOf(division)}`)
    await using rig = stage.rig(namespace, { processes: processesOf(division) })
    await plant(stage.client, namespace, deploymentOf(namespace, namespace, 3))
    await stage.client.create(machineClasses, classFor(namespace, 'large', 'large'))
    rig.start()
    await stage.untilRunning(rig, 3)
    const change = { spec: { template: { spec: { class: { name: 'large' } } } } }
    await stage.client.patch(machineDeployments, { namespace, name: namespace }, change, { type: 'merge' })
    await stage.eventually(async () => {
      expect(rig.cloud.servers().map(({ machineType }) => machineType)).toEqual(['large', 'large', 'large'])
    })
    expect(rig.cloud.peak()).toBeLessThanOrEqual(4)
    await scale(stage.client, namespace, namespace, 10)
    await stage.untilRunning(rig, 10)
    await scale(stage.client, namespace, namespace, 4)
    await stage.untilRunning(rig, 4)
    expect(rig.cloud.peak()).toBe(10)
  })
})
