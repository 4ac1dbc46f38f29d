import { secrets } from '@trellis/api/core/configuration'
import { type Node, nodes } from '@trellis/api/core/node'
import type { PodTemplate } from '@trellis/api/core/pod'
import { type Service, services } from '@trellis/api/core/service'
import { type Deployment, daemonSets, deployments, statefulSets } from '@trellis/api/core/workload'
import type { CloudProfile } from '@trellis/api/garden/cloud-profile'
import type { Shoot } from '@trellis/api/garden/shoot'
import type { KubernetesObject, Resource } from '@trellis/api/meta'
import { exampleCloudProfile, exampleSeed, exampleShoot } from '@trellis/api/testing/examples'
import { createCertificateMaker } from '@trellis/certificates/authority'
// Loaded beforehand: clouds load it lazily, which takes real time, while the clock of a world runs ahead.
import '@trellis/cloudprovider/local/driver'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock, type VirtualClock } from '@trellis/foundation/testing/virtual-clock'
import type { Client } from '@trellis/kubernetes/client'
import type { FakeClient } from '@trellis/kubernetes/testing/fake-client'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import type { ShootCloud } from '../src/clouds/cloud.ts'
import { createCloudConnections } from '../src/clouds/connections.ts'
import { localCloud } from '../src/clouds/local.ts'
import type { Helm, Release } from '../src/helm.ts'
import { createShootInfrastructure, grownNetworks } from '../src/infrastructure/shoot-infrastructure.ts'
import { identityOf, makeBlueprint } from '../src/shoot/blueprint.ts'
import { replicaName, upTo } from '../src/shoot/tunnel-ports.ts'
import type { DeletionServices, ShootServices } from '../src/tasks/services.ts'
import { type CloudDouble, createCloudDouble } from './cloud-double.ts'

/** A garden, a seed, a shoot and a cloud in memory, with just enough life that a shoot comes up in them. */
export interface ShootWorld {
  readonly clock: VirtualClock
  readonly garden: FakeClient
  readonly shootApi: FakeClient
  readonly cloud: CloudDouble
  readonly installed: Map<string, Release>
  readonly services: ShootServices
  readonly deletionServices: DeletionServices
  /** Kinds of care that were begun. */
  readonly cared: { count: number }
  /** What is there in the end, without what chance made. */
  describe(): Promise<unknown>
}

/** Images of everything, as a configuration names them. */
export const exampleImages: Readonly<Record<string, string>> = Object.fromEntries(
  [
    'pause',
    'etcd',
    'kube-apiserver',
    'kube-controller-manager',
    'kube-scheduler',
    'kube-proxy',
    'coredns',
    'metrics-server',
    'mcm',
    'cloud-controller-manager',
    'vpn-seed',
    'vpn-shoot',
  ].map((name) => [name, `registry.example/${name}:1`]),
)

/** What the values of the charts of a shoot depend on beside its blueprint. */
export const exampleChartState = {
  ...{ frontDoor: '198.18.0.10', checksum: 'abc', credentials: '1', metricsAuthority: 'PEM', dnsUpstream: undefined },
  cloud: localCloud,
} as const

/** Credentials that no cloud would take. */
export const exampleCredentials = { endpoint: 'https://198.18.0.1:8443', token: 'cloud-token', caBundle: 'PEM' }

/** A shoot with an identity, as an API server would have stored it. */
export function storedShoot(): Shoot {
  const shoot = exampleShoot()
  return { ...shoot, metadata: { ...shoot.metadata, uid: 'uid-of-first', generation: 1 } }
}

/** What is grown in a world, and where; the example on the embedded cloud unless told. */
export interface Growth {
  readonly shoot?: Shoot
  readonly cloud?: ShootCloud
  readonly cloudProfile?: CloudProfile
  /** Garden and seed of an earlier world; empty ones unless told. */
  readonly garden?: FakeClient
}

/** Makes a world. Its fake controllers live as long as the process. */
export function createShootWorld(growth: Growth = {}): ShootWorld {
  const { shoot = storedShoot(), cloud: kind = localCloud, cloudProfile = exampleCloudProfile() } = growth
  const clock = createVirtualClock(Date.UTC(2026, 5, 1))
  const random = createSeededRandom('shoot world')
  const garden = growth.garden ?? createFakeClient({ clock, random: random.child('garden') })
  const shootApi = createFakeClient({ clock, random: random.child('shoot') })
  const cloud = createCloudDouble()
  const installed = new Map<string, Release>()
  const cared = { count: 0 }
  shootApi.onRequest(({ path }) => (/\/proxy\/healthz$/.test(path) ? { status: 200, body: 'ok' } : undefined))
  assignAddresses(garden)
  for (const client of [garden, shootApi]) playDeployments(client)
  const helm: Helm = {
    install: async ({ client }, release) => {
      installed.set(release.name, release)
      await bringToLife(client, release, shootApi)
    },
  }
  const inputs = { cloudProfile, seed: exampleSeed(), now: clock.now(), alwaysNumberZones: kind.needsZones }
  const connections = createCloudConnections({ clock, random, log: createSilentLog(), seedCloud: cloud.client })
  const infrastructureOf = () =>
    createShootInfrastructure({
      garden,
      connections,
      openTofu: undefined,
      cloud: kind,
      shoot,
      technicalId: identityOf(shoot).technicalId,
      seedCredentials: exampleCredentials,
      networks: grownNetworks(shoot),
    })
  const common = { clock, garden, seed: garden, cloud: kind }
  return {
    clock,
    garden,
    shootApi,
    cloud,
    installed,
    cared,
    deletionServices: { ...common, identity: identityOf(shoot), infrastructure: infrastructureOf() },
    services: {
      ...common,
      random,
      blueprint: makeBlueprint({ ...inputs, shoot }),
      images: exampleImages,
      seedKubeconfig: undefined,
      infrastructure: infrastructureOf(),
      agent: undefined,
      certificates: createCertificateMaker({ clock, random: random.child('certificates') }),
      helm,
      dnsUpstream: undefined,
      httpConnect: false,
      tunnelDoor: undefined,
      connectToShoot: async () => ({ client: shootApi, kubeconfig: 'kubeconfig of the shoot' }),
      beginCare: async () => {
        cared.count++
      },
    },
    describe: async () => ({
      networks: [...cloud.networks.values()].map((network) => `${network.name} ${network.cidr}`),
      secrets: await names(garden, secrets),
      services: await names(garden, services),
      shootSecrets: await names(shootApi, secrets),
      installed: [...installed.keys()].sort(),
    }),
  }
}

async function names<Kind extends KubernetesObject>(client: FakeClient, resource: Resource<Kind>): Promise<string[]> {
  const { items } = await client.list(resource)
  return items.map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`).sort()
}

/** Plays the cloud controller of the seed. */
function assignAddresses(client: FakeClient): void {
  const run = async () => {
    for await (const { type, object } of client.watch<Service>(services, {})) {
      if (type !== 'ADDED' || object.spec?.type !== 'LoadBalancer') continue
      const { namespace, name } = object.metadata
      const status = { loadBalancer: { ingress: [{ ip: '198.18.0.10' }] } }
      await client.patch(services, { namespace, name }, { status }, { subresource: 'status' })
    }
  }
  run().catch(() => undefined)
}

const controlDeployments: Readonly<Record<string, readonly string[]>> = {
  'control-plane': ['kube-controller-manager', 'kube-scheduler', 'cloud-controller-manager'],
  'machine-controller-manager': ['machine-controller-manager'],
  'shoot-addons': ['coredns', 'metrics-server'],
}

/** The Deployments of a release, each with the workload that it is a replica of. */
function deploymentsOf({ name, values }: Release): readonly (readonly [name: string, workload: string])[] {
  const { furtherReplicas = [], vpnShoot } = values as {
    readonly furtherReplicas?: readonly unknown[]
    readonly vpnShoot?: { readonly replicas?: number }
  }
  const replicas = (workload: string, count: number) =>
    upTo(count).map((replica) => [replicaName(workload, replica), workload] as const)
  const alone = (controlDeployments[name] ?? []).map((one) => [one, one] as const)
  if (name === 'control-plane') return [...replicas('kube-apiserver', 1 + furtherReplicas.length), ...alone]
  if (name === 'shoot-addons') return [...replicas('vpn-shoot', vpnShoot?.replicas ?? 1), ...alone]
  return alone
}

/** Plays Helm, the deployment controller, the kubelets of the seed and the machine controller: what is installed runs at once, unless it is paused. */
async function bringToLife(client: Client, release: Release, shootApi: FakeClient): Promise<void> {
  const { namespace } = release
  const labels = { 'trellis.internal/system-component': 'true', 'trellis.internal/release': release.name }
  const wanted = deploymentsOf(release)
  for (const [name, workload] of wanted) {
    const app: Record<string, string> = release.name === 'shoot-addons' ? { 'k8s-app': workload } : { app: workload }
    await client.apply(deployments, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace, labels: { ...labels, ...app } },
      spec: { replicas: 1, selector: { matchLabels: app }, template: templateOf(release) },
    })
    await runDeployment(client, namespace, name)
  }
  const labelSelector = `trellis.internal/release=${release.name}`
  for (const { metadata } of (await client.list(deployments, { namespace, labelSelector })).items) {
    if (wanted.some(([name]) => name === metadata.name)) continue
    await client.delete(deployments, { namespace, name: metadata.name })
  }
  if (release.name === 'control-plane') {
    const spec = { replicas: 1, selector: {}, template: {} }
    await client.apply(statefulSets, {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'etcd', namespace },
      spec,
    })
    const status = { observedGeneration: 1, updatedReplicas: 1, readyReplicas: 1 }
    await client.patch(statefulSets, { namespace, name: 'etcd' }, { status }, { subresource: 'status' })
  }
  if (release.name === 'shoot-addons') {
    const spec = { selector: {}, template: {} }
    await client.apply(daemonSets, {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'kube-proxy', namespace, labels },
      spec,
    })
    const status = { observedGeneration: 1, desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2 }
    await client.patch(daemonSets, { namespace, name: 'kube-proxy' }, { status }, { subresource: 'status' })
  }
  if (release.name === 'machines') for (const name of nodeNames(release)) await addReadyNode(shootApi, name)
}

/** Differs where pods would. */
function templateOf({ values }: Release): PodTemplate {
  return { metadata: { annotations: { images: JSON.stringify(values.images ?? {}) } } }
}

/** Plays the deployment controller: pods are as wanted at once, or as they were where nothing is to be changed. */
async function runDeployment(client: Client, namespace: string, name: string): Promise<void> {
  const { metadata, spec } = await client.get(deployments, { namespace, name })
  const updated = spec?.paused === true ? {} : { updatedReplicas: 1, availableReplicas: 1 }
  const status = { observedGeneration: metadata.generation ?? 1, ...updated }
  await client.patch(deployments, { namespace, name }, { status }, { subresource: 'status' })
}

/** Lets Deployments that are no longer paused go on. */
function playDeployments(client: FakeClient): void {
  const run = async () => {
    for await (const { type, object } of client.watch<Deployment>(deployments, {})) {
      const { namespace, name, generation = 1 } = object.metadata
      if (type !== 'MODIFIED' || (object.status?.observedGeneration ?? 0) >= generation) continue
      await runDeployment(client, namespace ?? '', name)
    }
  }
  run().catch(() => undefined)
}

/** `node-a`, `node-b` and so on: one for each machine that is asked for, and two at least. */
function nodeNames({ values }: Release): readonly string[] {
  const { pools = [] } = values as { readonly pools?: readonly { readonly replicas: number }[] }
  const wanted = pools.reduce((sum, { replicas }) => sum + replicas, 0)
  return Array.from({ length: Math.max(2, wanted) }, (_, index) => `node-${String.fromCharCode(97 + index)}`)
}

/** Adds a Ready node to a shoot; harmless to repeat. */
export async function addReadyNode(client: FakeClient, name: string): Promise<void> {
  const node: Node = { apiVersion: 'v1', kind: 'Node', metadata: { name } }
  await client.apply(nodes, node)
  const status = { conditions: [{ type: 'Ready', status: 'True' }] }
  await client.patch(nodes, { name }, { status }, { subresource: 'status' })
}
