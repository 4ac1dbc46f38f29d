import type { CloudProfile } from '@trellis/api/garden/cloud-profile'
import type { FieldError } from '@trellis/api/validation/field-error'
import type { Driver } from '@trellis/cloudprovider/contract/driver'
import type { CloudClient } from '@trellis/cloudprovider/local/client'
import type { Clock } from '@trellis/foundation/clock'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { InfrastructureEngine, InfrastructureOutputs } from '../infrastructure/engine.ts'
import type { SecretData } from '../secrets/secret-store.ts'
import type { Blueprint, PoolBlueprint } from '../shoot/blueprint.ts'
import type { ZoneBlueprint } from '../shoot/zones.ts'

/** Addresses that replace a cloud's own, by service, as in `{"ec2": "https://ec2.example"}`; empty for the cloud itself. */
export type CloudEndpoints = Readonly<Record<string, string>>

/** What the profile of a cloud adds to a Shoot's credentials and machines. */
export interface CloudPlace {
  /** `spec.providerConfig` of the CloudProfile, which has passed {@link ShootCloud.validateProfile}; undefined when that is gone. */
  readonly providerConfig: unknown
  readonly region: string
}

/** The part of a pool in one zone, with all that is known when its machines are asked for. */
export interface MachinePlace {
  readonly blueprint: Blueprint
  readonly pool: PoolBlueprint
  readonly zone: ZoneBlueprint
  /** What the infrastructure engine and {@link ShootCloud.identifiers} have told. */
  readonly outputs: InfrastructureOutputs
}

/** How the machines of a pool in a zone are made and what their nodes are called. */
export interface CloudMachines {
  /** `providerSpec` of the machine class. The same inputs give the same bytes: its digest is part of the class's name. */
  readonly providerSpec: Readonly<Record<string, unknown>>
  /** Provider id of the nodes, with the placeholders that the node agent fills in. It must come out as the driver's. */
  readonly providerId: string
  /** Name of the nodes, with placeholders; that of the machine when absent. It must come out as the driver's. */
  readonly nodeName?: string
}

/** What the cloud controller of a shoot is told beside the cloud, the cluster's name and addresses in place of the cloud's own. */
export interface CloudControllerSettings {
  /** What the network is called, or its router where that has the routes; absent where it is found by tags. */
  readonly network?: string
  readonly region?: string
  /** Who makes load balancers, where the cloud has several makers. */
  readonly loadBalancerProvider?: string
}

/** What a shoot's cloud is reached with. */
export interface CloudPorts {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** The embedded cloud that the seed itself runs on. */
  readonly seedCloud: CloudClient
}

/** One kind of cloud, as reached by this process. */
export interface CloudConnection extends Disposable {
  readonly engine: InfrastructureEngine
  /** Asked for the servers behind nodes; it makes none here. */
  readonly driver: Driver
}

/** What growing a shoot needs of one kind of cloud. All but `connect` is pure. */
export interface ShootCloud {
  /** `spec.provider.type` of its Shoots and `spec.type` of its CloudProfiles. */
  readonly type: string
  /** `provider` of its machine classes, by which the machine controller chooses its driver. */
  readonly machineProvider: string
  /** The chart that describes its machines. */
  readonly machineChart: string
  /** Whether its credentials are the seed's own, or those that the Shoot's binding names. */
  readonly credentialsOf: 'seed' | 'shoot'
  /** Whether each pool must name the zones that it is in; then the names of its machine deployments always end with the number of the zone. */
  readonly needsZones: boolean
  /** Whether destroying the infrastructure takes servers along that nobody deleted before. */
  readonly serversGoWithNetwork: boolean
  /** Whether its machine images bring the node agent; machines of other clouds may get it by download. */
  readonly imagesBringAgent: boolean
  /** What is wrong with `spec.providerConfig` of a CloudProfile; fields begin with `spec.providerConfig`. */
  validateProfile(cloudProfile: CloudProfile): FieldError[]
  /** What is wrong with the cloud's own parts of a Shoot that is valid apart from them. Its CloudProfile has passed {@link validateProfile}. */
  validateShoot(blueprint: Blueprint): FieldError[]
  /**
   * What the Secret `cloud-credentials` holds, of the data of the account's Secret: what the driver, the engine and the cloud controller need and no more.
   * Throws `Unavailable` that names the missing key.
   */
  credentials(secret: SecretData, place: CloudPlace): SecretData
  /** What names things and is no secret of these credentials, as in `project`; added to the outputs of the infrastructure. */
  identifiers(credentials: SecretData): InfrastructureOutputs
  /** Addresses that the profile sets in place of the cloud's own; none when it is gone (undefined). */
  endpoints(providerConfig: unknown): CloudEndpoints
  /** The Shoot's `infrastructureConfig` as the engine gets it: with what the profile (undefined when gone) gives where the Shoot says nothing. */
  infrastructureConfig(configuration: unknown, providerConfig: unknown): unknown
  /** What its cloud controller is told, which makes routes to pods and load balancers. */
  cloudController(blueprint: Blueprint): CloudControllerSettings
  /** Pure. Throws an invariant error for an output that the engine owes. */
  machines(place: MachinePlace): CloudMachines
  /** Reaches the cloud. Absent while this version has no engine and driver for it: its Shoots are refused. */
  readonly connect?: (ports: CloudPorts, endpoints: CloudEndpoints) => Promise<CloudConnection>
}
