import { namespaces } from '@trellis/api/core/configuration'
import { type Pod, pods } from '@trellis/api/core/pod'
import { type Deployment, deployments } from '@trellis/api/core/workload'
import { createCommandRunner } from '@trellis/foundation/command'
import { startTestControlPlane, type TestControlPlane } from '@trellis/kubernetes/testing/control-plane'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chartsDirectory, helmProgram } from '../../testing/render-chart.ts'
import { createShootWorld, exampleChartState, exampleImages } from '../../testing/shoot-world.ts'
import { createHelm } from '../helm.ts'
import { isDeploymentAvailable } from '../shoot/workloads.ts'
import { waitFor } from '../wait.ts'
import { controlPlaneValues } from './control-plane.ts'
import { replaceOneByOne } from './replace-one-by-one.ts'

const namespace = 'shoot--local--first'
const labelSelector = 'app=kube-apiserver'
const helm = createHelm({ runner: createCommandRunner(), program: helmProgram(), chartsDirectory })
const stop = new AbortController()
const { signal } = stop
let plane: TestControlPlane

beforeAll(async () => {
  plane = await startTestControlPlane({ withControllerManager: true })
  await plane.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  playKubelet()
})
afterAll(async () => {
  stop.abort()
  await plane?.[Symbol.asyncDispose]()
})

/** Makes every pod Ready, but those of images that are `bad`. There is neither scheduler nor node here. */
function playKubelet(): void {
  const run = async () => {
    for await (const { type, object } of plane.client.watch<Pod>(pods, { namespace, signal })) {
      const bad = object.spec?.containers.some(({ image }) => image?.includes('bad'))
      if (type !== 'ADDED' || bad === true) continue
      const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }
      const { name } = object.metadata
      await plane.client.patch(pods, { namespace, name }, { status }, { subresource: 'status' }).catch(() => undefined)
    }
  }
  run().catch(() => undefined)
}

/** Changes the control plane with the real Helm, in front of the real controller of Deployments. */
function change(apiServerReplicas: number, image: string, present = 0): Promise<void> {
  const { client, kubeconfig } = plane
  const { blueprint } = createShootWorld().services
  const state = { ...exampleChartState, presentReplicas: present }
  const size = { ...blueprint, tunnelReplicas: 2, apiServerReplicas }
  const images = { ...exampleImages, 'kube-apiserver': image }
  const values = { ...controlPlaneValues(size, images, state), networkPolicies: { enabled: false } }
  return replaceOneByOne({
    groups: [{ client, namespace, labelSelector, several: Math.max(apiServerReplicas, present) > 1 }],
    install: () =>
      helm.install({ client, kubeconfig }, { name: 'control-plane', chart: 'shoot-control-plane', namespace, values }),
    signal,
    note: () => undefined,
  })
}

const available = () =>
  waitFor<Deployment, readonly Deployment[]>({
    ...{ client: plane.client, resource: deployments, selection: { namespace, labelSelector }, signal },
    judge: (found) =>
      found.length > 0 && found.every(isDeploymentAvailable) ? { value: found } : { missing: 'not available' },
  })

const isReady = ({ status }: Pod) => status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True')

/** How many pods of API servers were Ready at the worst moment, until disposed. */
async function countReady() {
  const { client } = plane
  const ready = new Set<string>()
  const list = await client.list(pods, { namespace, labelSelector })
  for (const pod of list.items.filter(isReady)) ready.add(pod.metadata.name)
  const seen = { least: ready.size }
  const own = new AbortController()
  const run = async () => {
    const { resourceVersion } = list.metadata
    for await (const { type, object } of client.watch<Pod>(pods, {
      ...{ namespace, labelSelector, resourceVersion },
      signal: own.signal,
    })) {
      if (type === 'DELETED' || object.metadata.deletionTimestamp !== undefined || !isReady(object))
        ready.delete(object.metadata.name)
      else ready.add(object.metadata.name)
      seen.least = Math.min(seen.least, ready.size)
    }
  }
  run().catch(() => undefined)
  return { seen, [Symbol.dispose]: () => own.abort() }
}

const imagesOf = (found: readonly Deployment[]) =>
  found.map(({ metadata, spec }) => `${metadata.name} ${spec?.template.spec?.containers[0]?.image}`)

describe('API servers in front of the real controller of Deployments', () => {
  it('become two without a moment in which none is ready', async () => {
    await change(1, 'k:1')
    await available()
    using ready = await countReady()
    await change(2, 'k:1')
    expect(imagesOf(await available())).toEqual(['kube-apiserver k:1', 'kube-apiserver-1 k:1'])
    expect(ready.seen.least).toBe(1)
  })

  it('get another version one after the other, and each keeps to its own pod', async () => {
    using ready = await countReady()
    await change(2, 'k:2')
    expect(imagesOf(await available())).toEqual(['kube-apiserver k:2', 'kube-apiserver-1 k:2'])
    expect(ready.seen.least).toBe(1)
    const { items } = await plane.client.list(pods, { namespace, labelSelector })
    expect(items.map(({ metadata }) => metadata.name.split('-').slice(0, -2).join('-')).sort()).toEqual([
      'kube-apiserver',
      'kube-apiserver-1',
    ])
  })

  it('leave one as it is when the other does not start with what comes', async () => {
    using ready = await countReady()
    const stuck = change(2, 'bad:3')
    stuck.catch(() => undefined)
    await waitFor<Pod, true>({
      ...{ client: plane.client, resource: pods, selection: { namespace, labelSelector }, signal },
      judge: (found) =>
        found.some(({ spec }) => spec?.containers[0]?.image === 'bad:3') ? { value: true } : { missing: 'no new pod' },
    })
    await change(2, 'k:4')
    expect(imagesOf(await available())).toEqual(['kube-apiserver k:4', 'kube-apiserver-1 k:4'])
    expect(ready.seen.least).toBe(1)
    await stuck
  })

  it('become one by the first being as it is to be before the other goes', async () => {
    using ready = await countReady()
    await change(1, 'k:4', 2)
    expect(await available()).toHaveLength(2)
    await change(1, 'k:4')
    expect(imagesOf(await available())).toEqual(['kube-apiserver k:4'])
    expect(ready.seen.least).toBe(1)
  })
})
