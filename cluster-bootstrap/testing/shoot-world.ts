import { secrets } from '@trellis/api/core/configuration'
import { type Node, nodes } from '@trellis/api/core/node'
import { type Service, services } from '@trellis/api/core/service'
import { daemonSets, deployments, statefulSets } from '@trellis/api/core/workload'
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
  'control-plane': ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'cloud-controller-manager'],
  'machine-controller-manager': ['machine-controller-manager'],
  'shoot-addons': ['coredns', 'metrics-server', 'vpn-shoot'],
}

/** Plays Helm, the kubelets of the seed and the machine controller: what is installed runs at once. */
async function bringToLife(client: Client, release: Release, shootApi: FakeClient): Promise<void> {
  const { namespace } = release
  const labels = { 'trellis.internal/system-component': 'true' }
  for (const name of controlDeployments[release.name] ?? []) {
    const selector = { matchLabels: { app: name } }
    const object = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace, labels },
      spec: { replicas: 1, selector, template: {} },
    }
    const { metadata } = await client.apply(deployments, object)
    const status = { observedGeneration: metadata.generation ?? 1, updatedReplicas: 1, availableReplicas: 1 }
    await client.patch(deployments, { namespace, name }, { status }, { subresource: 'status' })
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
