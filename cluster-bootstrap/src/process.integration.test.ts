import { configMaps, type Namespace, namespaces, secrets } from '@trellis/api/core/configuration'
import { type Service, services } from '@trellis/api/core/service'
import { daemonSets, deployments, statefulSets } from '@trellis/api/core/workload'
import { cloudProfiles } from '@trellis/api/garden/cloud-profile'
import { seeds } from '@trellis/api/garden/seed'
import { type Shoot, shoots } from '@trellis/api/garden/shoot'
import { exampleCloudProfile, exampleSeed, exampleShoot } from '@trellis/api/testing/examples'
import { createCertificateMaker } from '@trellis/certificates/authority'
import { createSystemClock } from '@trellis/foundation/clock'
import { createSilentLog } from '@trellis/foundation/log'
import { createSystemRandom } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import type { TestControlPlane } from '@trellis/kubernetes/testing/control-plane'
import { createFakeClient, type FakeClient } from '@trellis/kubernetes/testing/fake-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CloudDouble, createCloudDouble } from '../testing/cloud-double.ts'
import { type GardenPlane, startGardenPlane } from '../testing/garden-plane.ts'
import { chartsDirectory } from '../testing/render-chart.ts'
import { addReadyNode, exampleCredentials, exampleImages } from '../testing/shoot-world.ts'
import { knownClouds } from './clouds/known-clouds.ts'
import type { Helm, Release } from './helm.ts'
import { type ProcessContext, startProcess } from './process.ts'
import { waitForObject } from './wait.ts'

const clock = createSystemClock()
const random = createSystemRandom()
const stop = new AbortController()
let garden: GardenPlane
let plane: TestControlPlane

beforeAll(async () => {
  garden = await startGardenPlane()
  plane = garden.plane
  const { client } = plane
  for (const name of ['garden-local', 'trellis-system']) {
    await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  }
  await client.create(cloudProfiles, exampleCloudProfile())
  await client.create(seeds, exampleSeed())
  playCloudController(client)
  playNamespaceController(client)
})
afterAll(async () => {
  stop.abort()
  await garden?.[Symbol.asyncDispose]()
})

/** Gives every load balancer an address, as the cloud controller of a seed does. */
function playCloudController(client: Client): void {
  const run = async () => {
    for await (const { object } of client.watch<Service>(services, { signal: stop.signal })) {
      if (object.spec?.type !== 'LoadBalancer' || object.status?.loadBalancer?.ingress !== undefined) continue
      const { namespace, name } = object.metadata
      const status = { loadBalancer: { ingress: [{ ip: '198.18.0.10' }] } }
      await client.patch(services, { namespace, name }, { status }, { subresource: 'status' })
    }
  }
  run().catch(() => undefined)
}

/** Lets namespaces go, as the controller manager does. There is none here, because it would say the truth about pods that do not run. */
function playNamespaceController(client: Client): void {
  const run = async () => {
    for await (const { object } of client.watch<Namespace>(namespaces, { signal: stop.signal })) {
      if (object.metadata.deletionTimestamp === undefined || (object.spec?.finalizers ?? []).length === 0) continue
      const path = `/api/v1/namespaces/${object.metadata.name}/finalize`
      const body = { ...object, apiVersion: 'v1', kind: 'Namespace', spec: { finalizers: [] } }
      await client.request({ method: 'PUT', path, body }).catch(() => undefined)
    }
  }
  run().catch(() => undefined)
}

interface World {
  readonly context: ProcessContext
  readonly installs: string[]
  readonly shootApi: FakeClient
  readonly cloud: CloudDouble
}

/** A process's surroundings: the API server of garden and seed is real, the cloud, Helm and the shoot are doubles. */
function makeWorld(onInstall: (release: Release) => void = () => {}): World {
  const shootApi = createFakeClient({ clock, random })
  shootApi.onRequest(({ path }) => (/\/proxy\/healthz$/.test(path) ? { status: 200, body: 'ok' } : undefined))
  const cloud = createCloudDouble()
  const installs: string[] = []
  const helm: Helm = {
    install: async ({ client }, release) => {
      installs.push(release.name)
      onInstall(release)
      await playSeed(client === garden.pod.client ? plane.client : client, release, shootApi)
    },
  }
  const context: ProcessContext = {
    clock,
    random,
    log: createSilentLog(),
    configuration: {
      namespace: 'trellis-system',
      seedName: 'local',
      cloud: { credentials: '/nowhere' },
      images: exampleImages,
      helm: '/nowhere/helm',
      chartsDirectory,
    },
    garden: garden.pod.client,
    seed: garden.pod.client,
    seedKubeconfig: undefined,
    seedCloud: cloud.client,
    seedCredentials: exampleCredentials,
    clouds: knownClouds,
    certificates: createCertificateMaker({ clock, random }),
    helm,
    open: async () => ({ ...shootApi, [Symbol.dispose]: () => {} }),
  }
  return { context, installs, shootApi, cloud }
}

const labels = { 'trellis.internal/system-component': 'true' }
const workloads: Readonly<Record<string, readonly string[]>> = {
  'control-plane': ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'cloud-controller-manager'],
  'machine-controller-manager': ['machine-controller-manager'],
  'shoot-addons': ['coredns'],
}

/** Plays Helm and the kubelets: what is installed runs. */
async function playSeed(client: Client, { name: release, namespace }: Release, shootApi: FakeClient): Promise<void> {
  const pod = (app: string) => ({
    metadata: { labels: { app } },
    spec: { containers: [{ name: 'main', image: 'registry.example/main:1' }] },
  })
  for (const name of workloads[release] ?? []) {
    const spec = { replicas: 1, selector: { matchLabels: { app: name } }, template: pod(name) }
    const { metadata } = await client.apply(deployments, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace, labels },
      spec,
    })
    const ready = { replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1 }
    const status = { ...ready, observedGeneration: metadata.generation ?? 1 }
    await client.patch(deployments, { namespace, name }, { status }, { subresource: 'status' })
  }
  if (release === 'control-plane') {
    const spec = { replicas: 1, serviceName: 'etcd', selector: { matchLabels: { app: 'etcd' } }, template: pod('etcd') }
    await client.apply(statefulSets, {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'etcd', namespace },
      spec,
    })
    const status = { observedGeneration: 1, replicas: 1, updatedReplicas: 1, readyReplicas: 1 }
    await client.patch(statefulSets, { namespace, name: 'etcd' }, { status }, { subresource: 'status' })
  }
  if (release === 'shoot-addons') await playDaemon(shootApi, namespace)
  if (release === 'machines') for (const name of ['node-a', 'node-b']) await addReadyNode(shootApi, name)
}

async function playDaemon(shootApi: FakeClient, namespace: string): Promise<void> {
  const spec = { selector: {}, template: {} }
  await shootApi.apply(daemonSets, {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'kube-proxy', namespace, labels },
    spec,
  })
  const status = { observedGeneration: 1, desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2 }
  await shootApi.patch(daemonSets, { namespace, name: 'kube-proxy' }, { status }, { subresource: 'status' })
}

/** Runs a process until the body is done, then stops it as a signal would. */
async function during<Value>(world: World, body: () => Promise<Value>): Promise<Value> {
  const own = new AbortController()
  const running = startProcess(world.context, own.signal)
  try {
    return await body()
  } finally {
    own.abort(new Error('test is over'))
    await running.ended
  }
}

async function createShoot(name: string, change: (shoot: Shoot) => void = () => {}): Promise<void> {
  const shoot = exampleShoot()
  shoot.metadata.name = name
  shoot.spec.seedName = 'local'
  change(shoot)
  await plane.client.create(shoots, shoot)
}

function shootThat(name: string, is: (shoot: Shoot | undefined) => boolean): Promise<Shoot | undefined> {
  return waitForObject<Shoot, Shoot | undefined>({
    client: plane.client,
    resource: shoots,
    key: { namespace: 'garden-local', name },
    signal: AbortSignal.any([stop.signal, AbortSignal.timeout(60_000)]),
    judge: (shoot) => (is(shoot) ? { value: shoot } : { missing: 'not yet' }),
  })
}

const stateOf = (shoot: Shoot | undefined) => shoot?.status?.lastOperation?.state
const conditionsOf = (shoot: Shoot | undefined) =>
  Object.fromEntries((shoot?.status?.conditions ?? []).map((one) => [one.type, one.status]))

describe('the process on a real API server', () => {
  it('grows a shoot, looks after it and takes it down', async () => {
    const world = makeWorld()
    await during(world, async () => {
      await createShoot('first')
      const up = await shootThat('first', (shoot) => stateOf(shoot) === 'Succeeded')
      expect(up?.metadata.finalizers).toEqual(['gardener'])
      expect(up?.status?.tasks?.every((task) => task.state === 'Succeeded' && task.startTime !== undefined)).toBe(true)
      const well = await shootThat('first', (shoot) => conditionsOf(shoot).TunnelAvailable === 'True')
      expect(conditionsOf(well)).toMatchObject({ APIServerAvailable: 'True', ControlPlaneHealthy: 'True' })
      const published = await plane.client.get(secrets, { namespace: 'garden-local', name: 'first.kubeconfig' })
      expect(published.data?.kubeconfig).toBeDefined()
      await plane.client.delete(shoots, { namespace: 'garden-local', name: 'first' })
      await shootThat('first', (shoot) => shoot === undefined)
    })
    expect(await plane.client.find(namespaces, { name: 'shoot--local--first' })).toBeUndefined()
    expect(await plane.client.find(secrets, { namespace: 'garden-local', name: 'first.kubeconfig' })).toBeUndefined()
    expect(await plane.client.find(configMaps, { namespace: 'garden-local', name: 'first.flow' })).toBeUndefined()
    expect([...world.cloud.networks]).toEqual([])
  })

  it('resumes where another process was stopped, and installs nothing twice', async () => {
    const stopped = Promise.withResolvers<void>()
    const first = makeWorld((release) => {
      if (release.name === 'control-plane') stopped.resolve()
    })
    await createShoot('second')
    await during(first, () => stopped.promise)
    const { client } = plane
    const journal = await client.get(configMaps, { namespace: 'garden-local', name: 'second.flow' })
    const text = journal.data?.['journal.jsonl'] ?? ''
    const finished = (task: string) =>
      text.includes(`"kind":"task-succeeded"`) && new RegExp(`task-succeeded[^\\n]*"task":"${task}"`).test(text)
    expect(finished('secrets')).toBe(true)
    const before = await client.get(secrets, { namespace: 'shoot--local--second', name: 'ca' })

    const second = makeWorld()
    for (const name of ['node-a', 'node-b']) await addReadyNode(second.shootApi, name)
    await during(second, () => shootThat('second', (shoot) => stateOf(shoot) === 'Succeeded'))
    const after = await client.get(secrets, { namespace: 'shoot--local--second', name: 'ca' })
    expect(after.data).toEqual(before.data)
    const releases: Readonly<Record<string, string>> = {
      'control-plane': 'control-plane',
      'machine-controller-manager': 'machine-controller',
      machines: 'machines',
    }
    for (const name of second.installs.filter((one) => first.installs.includes(one))) {
      expect(finished(releases[name] ?? name), `${name} was recorded as done and installed again`).toBe(false)
    }
  })

  it('refuses a shoot that cannot be, and makes nothing', async () => {
    await during(makeWorld(), async () => {
      await createShoot('third', (shoot) => {
        shoot.spec.networking = { pods: '10.1.0.0/16' }
      })
      const refused = await shootThat('third', (shoot) => stateOf(shoot) === 'Failed')
      expect(refused?.status?.lastErrors?.[0]).toMatchObject({
        description: expect.stringContaining('spec.networking.pods'),
        codes: ['ERR_CONFIGURATION_PROBLEM'],
      })
      expect(refused?.metadata.finalizers ?? []).toEqual([])
      expect(await plane.client.find(namespaces, { name: 'shoot--local--third' })).toBeUndefined()
    })
  })

  it('turns to deletion at once when a shoot is deleted while it is being grown', async () => {
    const world = makeWorld()
    const stuck = Promise.withResolvers<void>()
    world.context.seedCloud.createNetwork = (_, options) => {
      stuck.resolve()
      return new Promise((_resolve, reject) => {
        options?.signal?.addEventListener('abort', () => reject(options.signal?.reason))
      })
    }
    await during(world, async () => {
      await createShoot('fourth')
      await stuck.promise
      await plane.client.delete(shoots, { namespace: 'garden-local', name: 'fourth' })
      await shootThat('fourth', (shoot) => shoot === undefined)
    })
    expect(await plane.client.find(namespaces, { name: 'shoot--local--fourth' })).toBeUndefined()
  })
})
