import type { CloudProfile } from './cloud-profile.ts'
import { cloudRoutesNetworking, defaultNodeCidrMaskSize, defaultShootNetworks } from './networks.ts'
import type { Seed } from './seed.ts'
import type { Shoot, ShootKubernetes, ShootNetworking, ShootSpec } from './shoot.ts'
import type { Worker } from './shoot-worker.ts'
import { newestVersion } from './versions.ts'

/** What defaults are taken from. */
export interface DefaultsContext {
  readonly cloudProfile?: CloudProfile | undefined
  readonly seed?: Seed | undefined
  /** The present instant in milliseconds since the epoch: versions that have expired by then are not chosen. */
  readonly now?: number | undefined
}

/** A Shoot in which every field that has a default is set. */
export type DefaultedShoot = Shoot & {
  spec: ShootSpec & {
    cloudProfile: NonNullable<ShootSpec['cloudProfile']>
    networking: Required<ShootNetworking>
    purpose: NonNullable<ShootSpec['purpose']>
    kubernetes: ShootKubernetes & {
      kubeControllerManager: { nodeCIDRMaskSize: number }
      kubeProxy: { mode: 'IPTables' | 'NFTables' }
    }
    provider: { workers: DefaultedWorker[] }
  }
}

/** A worker pool in which every field that has a default is set. */
export type DefaultedWorker = Worker & {
  maxSurge: number | string
  maxUnavailable: number | string
  machine: { architecture: string }
}

/**
 * The Shoot with defaults in place of absent fields; what the user wrote stays, and the argument is not changed. Versions and images come
 * from the cloud profile and stay absent without one. Applying it twice is the same as once.
 */
export function defaultShoot(shoot: Shoot, context: DefaultsContext = {}): DefaultedShoot {
  const { spec } = shoot
  const profileName = spec.cloudProfile?.name ?? spec.cloudProfileName ?? ''
  const { cloudProfileName: _, ...rest } = spec
  return {
    ...shoot,
    spec: {
      ...rest,
      cloudProfile: spec.cloudProfile ?? { kind: 'CloudProfile', name: profileName },
      purpose: spec.purpose ?? 'evaluation',
      networking: defaultNetworking(spec.networking ?? {}, context.seed),
      kubernetes: defaultKubernetes(spec.kubernetes ?? {}, context),
      provider: {
        ...spec.provider,
        workers: (spec.provider.workers ?? []).map((worker) => defaultWorker(worker, context)),
      },
    },
  }
}

function defaultNetworking(networking: ShootNetworking, seed: Seed | undefined): Required<ShootNetworking> {
  const fromSeed = seed?.spec.networks.shootDefaults
  return {
    type: networking.type ?? cloudRoutesNetworking,
    nodes: networking.nodes ?? defaultShootNetworks.nodes,
    pods: networking.pods ?? fromSeed?.pods ?? defaultShootNetworks.pods,
    services: networking.services ?? fromSeed?.services ?? defaultShootNetworks.services,
  }
}

function defaultKubernetes(
  kubernetes: ShootKubernetes,
  { cloudProfile, now }: DefaultsContext,
): DefaultedShoot['spec']['kubernetes'] {
  const version = kubernetes.version ?? newestVersion(cloudProfile?.spec.kubernetes.versions ?? [], now)
  return {
    ...kubernetes,
    ...(version === undefined ? {} : { version }),
    kubeControllerManager: { nodeCIDRMaskSize: defaultNodeCidrMaskSize, ...kubernetes.kubeControllerManager },
    kubeProxy: { mode: 'NFTables', ...kubernetes.kubeProxy },
  }
}

function defaultWorker(worker: Worker, { cloudProfile, now }: DefaultsContext): DefaultedWorker {
  const image = defaultImage(worker, cloudProfile, now)
  return {
    ...worker,
    maxSurge: worker.maxSurge ?? 1,
    maxUnavailable: worker.maxUnavailable ?? 0,
    cri: worker.cri ?? { name: 'containerd' },
    machine: {
      ...worker.machine,
      architecture: worker.machine.architecture ?? 'amd64',
      ...(image === undefined ? {} : { image }),
    },
  }
}

function defaultImage(
  worker: Worker,
  cloudProfile: CloudProfile | undefined,
  now: number | undefined,
): Worker['machine']['image'] {
  const images = cloudProfile?.spec.machineImages ?? []
  const name = worker.machine.image?.name ?? images[0]?.name
  if (name === undefined) return undefined
  const versions = images.find((image) => image.name === name)?.versions ?? []
  const version = worker.machine.image?.version ?? newestVersion(versions, now)
  return version === undefined ? { name } : { name, version }
}
