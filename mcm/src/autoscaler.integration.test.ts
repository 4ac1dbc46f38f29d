import { createSystemClock } from '@trellis/foundation/clock'
import { createSystemRandom } from '@trellis/foundation/random'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { testAutoscalerContract } from '../testing/autoscaler-conformance.ts'
import { type MachineCluster, startMachineCluster } from '../testing/machine-cluster.ts'
import { createRig, deploymentOf, plant, type RigOptions } from '../testing/rig.ts'

const clock = createSystemClock()
const random = createSystemRandom()
let cluster: MachineCluster

beforeAll(async () => {
  cluster = await startMachineCluster()
})
afterAll(() => cluster?.[Symbol.asyncDispose]())

const eventually = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 60_000, interval: 100 })

const rigFor = (namespace: string, options: Partial<RigOptions> = {}) =>
  createRig({
    clock,
    random,
    control: cluster.client,
    namespace,
    cloud: { createMilliseconds: 300, deleteMilliseconds: 200 },
    joinMilliseconds: 300,
    ...options,
  })

describe('the contract with gardener/autoscaler on a real API server', () => {
  testAutoscalerContract(() => ({
    clock,
    client: cluster.client,
    namespace: (name) => cluster.namespace(name),
    rig: rigFor,
    eventually,
    during: (action) => action,
  }))
})

describe('the scale subresource on a real API server', () => {
  it('says and takes the wanted number, of deployments and of sets', async () => {
    const namespace = await cluster.namespace('scale-subresource')
    await using rig = rigFor(namespace)
    await plant(cluster.client, namespace, deploymentOf(namespace, 'scaled', 1))
    rig.start()
    const base = `/apis/machine.sapcloud.io/v1alpha1/namespaces/${namespace}`
    const scaleOf = async (path: string) => {
      const answer = await cluster.client.request({ method: 'GET', path: `${base}/${path}/scale` })
      return JSON.parse(answer.body) as { spec: { replicas?: number }; status: { replicas: number } }
    }
    await eventually(async () => {
      expect(await scaleOf('machinedeployments/scaled')).toMatchObject({
        spec: { replicas: 1 },
        status: { replicas: 1 },
      })
    })
    const scale = await scaleOf('machinedeployments/scaled')
    const path = `${base}/machinedeployments/scaled/scale`
    await cluster.client.request({ method: 'PUT', path, body: { ...scale, spec: { replicas: 3 } } })
    await eventually(async () => {
      expect((await scaleOf('machinedeployments/scaled')).status.replicas).toBe(3)
      const [set] = await rig.sets()
      expect(await scaleOf(`machinesets/${set?.metadata.name}`)).toMatchObject({
        spec: { replicas: 3 },
        status: { replicas: 3 },
      })
    })
    const down = await scaleOf('machinedeployments/scaled')
    await cluster.client.request({ method: 'PUT', path, body: { ...down, spec: { replicas: 0 } } })
    await eventually(async () => expect(await rig.machines()).toEqual([]))
  })
})
