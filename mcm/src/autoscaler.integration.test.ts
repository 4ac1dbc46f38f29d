import { describe, expect, it } from 'vitest'
import { testAutoscalerContract } from '../testing/autoscaler-conformance.ts'
import { useRealStage } from '../testing/real-stage.ts'
import { deploymentOf, plant } from '../testing/rig.ts'

const stage = useRealStage({ cloud: { createMilliseconds: 300, deleteMilliseconds: 200 }, joinMilliseconds: 300 })

describe('the contract with gardener/autoscaler on a real API server', () => {
  testAutoscalerContract(() => ({ ...stage, client: stage.client, during: (action) => action }))
})

describe('the scale subresource on a real API server', () => {
  it('says and takes the wanted number, of deployments and of sets', async () => {
    const namespace = await stage.namespace('scale-subresource')
    await using rig = stage.rig(namespace)
    await plant(stage.client, namespace, deploymentOf(namespace, 'scaled', 1))
    rig.start()
    const base = `/apis/machine.sapcloud.io/v1alpha1/namespaces/${namespace}`
    const scaleOf = async (path: string) => {
      const answer = await stage.client.request({ method: 'GET', path: `${base}/${path}/scale` })
      return JSON.parse(answer.body) as { spec: { replicas?: number }; status: { replicas: number } }
    }
    await stage.eventually(async () => {
      expect(await scaleOf('machinedeployments/scaled')).toMatchObject({
        spec: { replicas: 1 },
        status: { replicas: 1 },
      })
    })
    const path = `${base}/machinedeployments/scaled/scale`
    // The status may be written between the two, which is a conflict: as every client does, it reads again.
    const scaleTo = (replicas: number) =>
      stage.eventually(async () => {
        const scale = await scaleOf('machinedeployments/scaled')
        await stage.client.request({ method: 'PUT', path, body: { ...scale, spec: { replicas } } })
      })
    await scaleTo(3)
    await stage.eventually(async () => {
      expect((await scaleOf('machinedeployments/scaled')).status.replicas).toBe(3)
      const [set] = await rig.sets()
      expect(await scaleOf(`machinesets/${set?.metadata.name}`)).toMatchObject({
        spec: { replicas: 3 },
        status: { replicas: 3 },
      })
    })
    await scaleTo(0)
    await stage.eventually(async () => expect(await rig.machines()).toEqual([]))
  })
})
