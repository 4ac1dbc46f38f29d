import type { Namespace, Secret } from '@trellis/api/core/configuration'
import type { CloudProfile } from '@trellis/api/garden/cloud-profile'
import { cloudProfiles } from '@trellis/api/garden/cloud-profile'
import { type Project, projects } from '@trellis/api/garden/project'
import { type Seed, seeds } from '@trellis/api/garden/seed'
import { type Shoot, shoots } from '@trellis/api/garden/shoot'
import { apiVersionOf, type KubernetesObject, type Resource } from '@trellis/api/meta'
import { firstShoot, garden } from './garden.ts'

function typeOf<Kind extends KubernetesObject>(resource: Resource<Kind>): { apiVersion: string; kind: string } {
  return { apiVersion: apiVersionOf(resource), kind: resource.kind }
}

/** A namespace of ours. */
export function namespaceObject(name: string): Namespace {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { 'app.kubernetes.io/part-of': 'trellis' } } }
}

/** How the controllers reach the embedded cloud. */
export function cloudCredentialsObject(
  namespace: string,
  credentials: { readonly endpoint: string; readonly token: string; readonly caBundle: string },
): Secret {
  const encode = (text: string): string => Buffer.from(text).toString('base64')
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'cloud-credentials', namespace },
    type: 'Opaque',
    data: {
      endpoint: encode(credentials.endpoint),
      token: encode(credentials.token),
      caBundle: encode(credentials.caBundle),
    },
  }
}

/** What the embedded cloud offers. Sizes are the cloud's flavors. */
export function cloudProfileObject(kubernetesVersion: string): CloudProfile {
  return {
    ...typeOf(cloudProfiles),
    metadata: { name: garden.cloudProfile },
    spec: {
      type: 'local',
      kubernetes: { versions: [{ version: kubernetesVersion.replace(/^v/, ''), classification: 'supported' }] },
      machineImages: [{ name: 'trellis-worker', versions: [{ version: '1.0.0' }] }],
      machineTypes: [
        { name: 'small', cpu: '1', memory: '2Gi', gpu: '0' },
        { name: 'medium', cpu: '2', memory: '4Gi', gpu: '0' },
        { name: 'large', cpu: '4', memory: '8Gi', gpu: '0' },
      ],
      regions: [{ name: garden.region }],
    },
  }
}

/** The garden's own cluster in its second part: the seed. */
export function seedObject(publicRange: string): Seed {
  return {
    ...typeOf(seeds),
    metadata: { name: garden.seed },
    spec: {
      provider: { type: 'local', region: garden.region },
      networks: { ...garden.networks, blockCIDRs: [publicRange] },
    },
  }
}

/** The project that the first shoot belongs to. */
export function projectObject(): Project {
  return {
    ...typeOf(projects),
    metadata: { name: garden.project },
    spec: { namespace: garden.projectNamespace, description: 'Clusters on this machine' },
  }
}

/** The shoot that `trellis up` grows. */
export function firstShootObject(kubernetesVersion: string): Shoot {
  return {
    ...typeOf(shoots),
    metadata: { name: firstShoot.name, namespace: garden.projectNamespace },
    spec: {
      cloudProfile: { kind: 'CloudProfile', name: garden.cloudProfile },
      region: garden.region,
      seedName: garden.seed,
      purpose: 'evaluation',
      kubernetes: { version: kubernetesVersion.replace(/^v/, '') },
      networking: firstShoot.networks,
      provider: {
        type: 'local',
        workers: [
          {
            name: 'pool',
            machine: { type: 'small', image: { name: 'trellis-worker' } },
            minimum: firstShoot.workers,
            maximum: firstShoot.workers,
            maxSurge: 1,
            maxUnavailable: 0,
          },
        ],
      },
    },
  }
}
