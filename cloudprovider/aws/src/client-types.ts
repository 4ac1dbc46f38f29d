import type { MetadataOptions, RunRequest } from './run-request-types.ts'
import type { Tags } from './server-tags.ts'

/** Where a server of EC2 stands. */
export type InstanceState = 'pending' | 'running' | 'shutting-down' | 'terminated' | 'stopping' | 'stopped'

/** A network interface on a server. */
export interface AttachedInterface {
  readonly id: string
  readonly deviceIndex: number
  readonly networkCardIndex: number
  /** Whether packets that are not from or to the server are dropped. */
  readonly sourceDestCheck: boolean
  readonly ipv6Prefixes: number
}

/** A server of EC2. */
export interface Instance {
  readonly id: string
  readonly state: InstanceState
  /** Why it is in that state: EC2's code, as in `Client.UserInitiatedShutdown`, and its words. */
  readonly stateReason?: { readonly code: string; readonly message: string }
  readonly privateDnsName: string
  readonly publicDnsName: string
  /** Addresses of versions 4 and 6. */
  readonly privateAddresses: readonly string[]
  readonly publicAddress?: string
  readonly tags: Tags
  readonly interfaces: readonly AttachedInterface[]
  /** Volumes that go with it; those of pods do not. */
  readonly ownVolumeIds: readonly string[]
  /** Whether its metrics come each minute. */
  readonly monitored: boolean
  readonly metadata: MetadataOptions
}

/** A network interface, volume or address that stands alone. */
export interface LooseThing {
  readonly id: string
  readonly tags: Tags
  /** In milliseconds; absent when EC2 does not tell. */
  readonly createdAt?: number
  /** Whether nothing holds it. */
  readonly free: boolean
}

/** One condition of a question, as in `{ Name: 'tag:Name', Values: ['a'] }`; values are alternatives, conditions all hold. */
export interface Filter {
  readonly Name: string
  readonly Values: readonly string[]
}

/** What can lie about. */
export type LooseKind = 'network-interface' | 'volume' | 'address'

/** The calls of EC2 that the driver makes, each one request per page. Every fault is a `Failure`; EC2's own code is in its `cause`. */
export interface Ec2Client extends Disposable {
  runInstance(request: RunRequest, signal?: AbortSignal): Promise<Instance>
  /** Servers that fit, also those that have ended within the last hour or so. */
  findInstances(filters: readonly Filter[]): Promise<readonly Instance[]>
  /** What the image calls the device that it boots from. */
  rootDeviceName(imageId: string): Promise<string>
  /** Where each of them stands after that. */
  terminateInstances(ids: readonly string[]): Promise<ReadonlyMap<string, InstanceState>>
  /** Lets packets through that are not from or to the server. */
  disableSourceDestCheck(interfaceId: string, signal?: AbortSignal): Promise<void>
  assignIpv6Prefixes(interfaceId: string, count: number, signal?: AbortSignal): Promise<void>
  findLoose(kind: LooseKind, filters: readonly Filter[]): Promise<readonly LooseThing[]>
  deleteLoose(kind: LooseKind, id: string, signal?: AbortSignal): Promise<void>
  /** The last 64 KiB of the console; empty when there is nothing yet. */
  consoleOutput(instanceId: string, signal?: AbortSignal): Promise<string>
  setTags(ids: readonly string[], tags: Tags, signal?: AbortSignal): Promise<void>
  unsetTags(ids: readonly string[], keys: readonly string[], signal?: AbortSignal): Promise<void>
  setMonitoring(instanceId: string, on: boolean, signal?: AbortSignal): Promise<void>
  setMetadataOptions(instanceId: string, options: MetadataOptions, signal?: AbortSignal): Promise<void>
}
