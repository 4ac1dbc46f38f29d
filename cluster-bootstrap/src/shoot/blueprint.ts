import { addressIn, parseCidr } from '@trellis/api/cidr'
import type { CloudProfile, MachineType } from '@trellis/api/garden/cloud-profile'
import type { Seed } from '@trellis/api/garden/seed'
import type { Shoot } from '@trellis/api/garden/shoot'
import { type DefaultedShoot, type DefaultedWorker, defaultShoot } from '@trellis/api/garden/shoot-defaults'
import { projectOfNamespace, shootTechnicalId } from '@trellis/api/garden/shoot-names'
import { Failure, InvariantError } from '@trellis/foundation/failure'
import { replicaName, type TunnelSize } from './tunnel-ports.ts'
import { type ZoneBlueprint, zonesOf } from './zones.ts'

/** Port of every front door's API. */
export const apiServerPort = 6443
/** With the value `true`: the tunnel has two ends in the shoot, which stand in for each other. The name is the reference's. */
const highAvailabilityAnnotation = 'alpha.control-plane.shoot.gardener.cloud/high-availability-vpn'
/** Domain of the DNS in every shoot. */
export const clusterDomain = 'cluster.local'

/** A worker pool, ready to be made. */
export interface PoolBlueprint {
  readonly name: string
  /** Its parts, one for each zone that it is in; at least one. */
  readonly zones: readonly ZoneBlueprint[]
  readonly worker: DefaultedWorker
  readonly machineType: MachineType
  /** An image of the cloud profile; no version when the profile has none that may be used. */
  readonly image: { readonly name: string; readonly version?: string }
}

/** Address ranges of a shoot and what follows from them. */
export interface NetworksBlueprint {
  readonly nodes: string
  readonly pods: string
  readonly services: string
  readonly nodeCidrMaskSize: number
  readonly clusterDns: string
  /** Address of the Service `kubernetes`. */
  readonly apiServerService: string
}

/** What names a shoot and all that belongs to it. */
export interface ShootIdentity {
  readonly name: string
  /** Namespace of the project in the garden. */
  readonly projectNamespace: string
  /** Control namespace, cluster name and network name. */
  readonly technicalId: string
}

/** Everything about a shoot that its create flow needs, worked out once from what the user, the cloud profile and the seed say. */
export interface Blueprint extends ShootIdentity {
  readonly shoot: DefaultedShoot
  readonly kubernetesVersion: string
  readonly region: string
  readonly networks: NetworksBlueprint
  readonly pools: readonly PoolBlueprint[]
  /** How many replicas of the tunnel's end run in the shoot. */
  readonly tunnelReplicas: number
  /** How many API servers there are, each with an end of the tunnel. */
  readonly apiServerReplicas: number
  /** `spec.providerConfig` of the cloud profile: the cloud's own part. */
  readonly providerConfig: unknown
}

/** What a blueprint is worked out from. The Shoot must have passed validation. */
export interface BlueprintInputs {
  readonly shoot: Shoot
  readonly cloudProfile: CloudProfile
  readonly seed: Seed
  readonly now: number
  /** Whether machine deployments are numbered by zone also where a pool is in one zone alone. */
  readonly alwaysNumberZones: boolean
}

/** Works out a blueprint. Throws `Invalid` for what validation cannot know and an invariant error for what it should have refused. */
export function makeBlueprint(inputs: BlueprintInputs): Blueprint {
  const { shoot, cloudProfile, seed, now } = inputs
  const defaulted = defaultShoot(shoot, { cloudProfile, seed, now })
  const workers: readonly DefaultedWorker[] = defaulted.spec.provider.workers
  const version = defaulted.spec.kubernetes.version
  if (version === undefined) {
    throw new Failure('Invalid', `cloud profile ${cloudProfile.metadata.name} offers no Kubernetes version`, {
      field: 'spec.kubernetes.version',
      remedy: 'name one',
    })
  }
  return {
    ...identityOf(shoot),
    shoot: defaulted,
    kubernetesVersion: version,
    region: shoot.spec.region,
    networks: networksOf(defaulted),
    pools: workers.map((worker, index) => poolOf(worker, index, inputs)),
    ...replicasOf(shoot),
    providerConfig: cloudProfile.spec.providerConfig,
  }
}

/** What must outlive the loss of a part has two of both ends of the tunnel; the annotation asks for two in the shoot alone. */
function replicasOf({ metadata, spec }: Shoot): TunnelSize {
  const tolerant = spec.controlPlane?.highAvailability?.failureTolerance !== undefined
  const asked = metadata.annotations?.[highAvailabilityAnnotation] === 'true'
  return { tunnelReplicas: tolerant || asked ? 2 : 1, apiServerReplicas: tolerant ? 2 : 1 }
}

/** Names of a shoot; the control namespace in its status wins, because it never changes. */
export function identityOf({ metadata, status }: Shoot): ShootIdentity {
  const projectNamespace = metadata.namespace ?? ''
  const project = projectOfNamespace(projectNamespace)
  if (project === undefined) throw new InvariantError(`${projectNamespace} is no namespace of a project`)
  const technicalId = status?.technicalID ?? shootTechnicalId(project, metadata.name)
  return { name: metadata.name, projectNamespace, technicalId }
}

function networksOf({ spec: { networking, kubernetes } }: DefaultedShoot): NetworksBlueprint {
  const services = parseCidr(networking.services)
  const apiServerService = services && addressIn(services, 1)
  const clusterDns = services && addressIn(services, 10)
  if (apiServerService === undefined || clusterDns === undefined) {
    throw new InvariantError(`the range of services ${networking.services} holds too few addresses`)
  }
  return {
    nodes: networking.nodes,
    pods: networking.pods,
    services: networking.services,
    nodeCidrMaskSize: kubernetes.kubeControllerManager.nodeCIDRMaskSize,
    apiServerService,
    clusterDns,
  }
}

function poolOf(
  worker: DefaultedWorker,
  index: number,
  { shoot, cloudProfile, alwaysNumberZones }: BlueprintInputs,
): PoolBlueprint {
  const at = `spec.provider.workers[${index}].machine`
  const machineType = cloudProfile.spec.machineTypes.find((type) => type.name === worker.machine.type)
  if (machineType === undefined) throw new InvariantError(`${at}.type passed validation but is not offered`)
  const { image } = worker.machine
  if (image === undefined) {
    throw new Failure('Invalid', `cloud profile ${cloudProfile.metadata.name} offers no machine image`, {
      field: `${at}.image`,
      remedy: 'name one',
    })
  }
  return {
    name: worker.name,
    zones: zonesOf(worker, identityOf(shoot).technicalId, alwaysNumberZones),
    worker,
    machineType,
    image,
  }
}

/** URL of an API server behind a front door. */
export function frontDoorUrl(address: string): string {
  return `https://${address}:${apiServerPort}`
}

/** Name by which an end of a shoot's tunnel in the seed is meant where it comes in inside TLS. */
export function relayServerName(technicalId: string, replica: number): string {
  return `${replicaName('vpn', replica)}.${technicalId}.trellis.internal`
}
