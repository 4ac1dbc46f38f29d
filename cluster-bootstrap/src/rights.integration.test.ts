import { namespaces, secrets } from '@trellis/api/core/configuration'
import { nodes } from '@trellis/api/core/node'
import { deployments, statefulSets } from '@trellis/api/core/workload'
import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import { createCommandRunner } from '@trellis/foundation/command'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exampleMachineValues } from '../testing/example-machines.ts'
import { clusterRoles, type GardenPlane, startGardenPlane } from '../testing/garden-plane.ts'
import { chartsDirectory, helmProgram } from '../testing/render-chart.ts'
import { createShootWorld, exampleChartState, exampleImages } from '../testing/shoot-world.ts'
import { localCloud } from './clouds/local.ts'
import { createHelm } from './helm.ts'
import { controlPlaneValues } from './tasks/control-plane.ts'

const namespace = 'shoot--local--first'
const { blueprint } = createShootWorld().services

let garden: GardenPlane
beforeAll(async () => {
  garden = await startGardenPlane()
  await garden.pod.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
})
afterAll(() => garden?.[Symbol.asyncDispose]())

describe('the rights of cluster-bootstrap', () => {
  const helm = createHelm({ runner: createCommandRunner(), program: helmProgram(), chartsDirectory })
  const state = exampleChartState
  const machinesFor = (replicas: number) => exampleMachineValues(blueprint, localCloud, { network: 'net' }, replicas)

  it('are enough to install all that a control namespace holds, twice', async () => {
    for (const replicas of [2, 3]) {
      const releases = [
        {
          name: 'control-plane',
          chart: 'shoot-control-plane',
          // The second time with all that it can have.
          values: {
            ...controlPlaneValues(blueprint, exampleImages, state),
            vpnSeed: { httpConnect: { enabled: replicas === 3 } },
          },
        },
        {
          name: 'machine-controller-manager',
          chart: 'machine-controller-manager',
          values: { images: { 'machine-controller-manager': 'm:1' }, secretsChecksum: 'abc' },
        },
        { name: 'machines', chart: 'machine-class-local', values: machinesFor(replicas) },
      ]
      for (const release of releases) await helm.install(garden.pod, { ...release, namespace })
    }
    const found = await garden.pod.client.list(deployments, { namespace })
    expect(found.items.map((one) => one.metadata.name).sort()).toEqual([
      'cloud-controller-manager',
      'kube-apiserver',
      'kube-controller-manager',
      'kube-scheduler',
      'machine-controller-manager',
      'vpn-seed',
    ])
    expect((await garden.pod.client.list(statefulSets, { namespace })).items).toHaveLength(1)
    const [deployment] = (await garden.pod.client.list(machineDeployments, { namespace })).items
    expect(deployment?.spec?.replicas).toBe(3)
  })

  it('win over somebody who has changed what is ours, and survive a killed helm', async () => {
    const key = { namespace, name: 'shoot--local--first-worker' }
    await garden.plane.client.patch(machineDeployments, key, { spec: { replicas: 7 } })
    const { items } = await garden.plane.client.list(secrets, { namespace, labelSelector: 'owner=helm,name=machines' })
    const last = items.at(-1)
    const labels = { ...last?.metadata.labels, status: 'pending-upgrade', version: '99' }
    await garden.plane.client.create(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'sh.helm.release.v1.machines.v99', namespace, labels },
      type: 'helm.sh/release.v1',
      data: last?.data ?? {},
    })
    const values = machinesFor(2)
    await helm.install(garden.pod, { name: 'machines', chart: 'machine-class-local', namespace, values })
    expect((await garden.pod.client.get(machineDeployments, key)).spec?.replicas).toBe(2)
  })

  it('do not reach nodes, nor cluster-wide rights', async () => {
    await expect(garden.pod.client.list(nodes)).rejects.toMatchObject({ kind: 'Forbidden' })
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'mine' } }
    await expect(garden.pod.client.create(clusterRoles, role)).rejects.toMatchObject({
      kind: 'Forbidden',
    })
  })
})
