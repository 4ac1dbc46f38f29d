import type { MachineAddress } from '@trellis/api/machine/machine'

/** What a machine class says: its own description of the server, and the data of the secrets it refers to, decoded. */
export interface ClassSettings {
  readonly providerSpec: unknown
  readonly secret: Readonly<Record<string, string>>
}

/** One machine. The name is its identity at the cloud; the provider id is only a shortcut once it is known. */
export interface MachineRequest extends ClassSettings {
  readonly machineName: string
  readonly providerId?: string
}

/** A machine to be made. `userData` is complete: nothing in it is left to fill in. */
export interface CreateMachineRequest extends MachineRequest {
  readonly userData: string
}

/** A server that stands for a machine. */
export interface ProviderMachine {
  readonly providerId: string
  /** Name that its Node will have. */
  readonly nodeName: string
  readonly addresses: readonly MachineAddress[]
  /** `creating`: accepted, not yet running. `stopped`: it ended by itself. `failed`: it never ran and never will. */
  readonly state: 'creating' | 'running' | 'stopped' | 'failed'
  /** Why it failed, in the cloud's words. */
  readonly reason?: string
  /** False while {@link Driver.initializeMachine} has still to be called. */
  readonly initialized: boolean
}

/** One server of a machine that has, or may have, several. */
export interface ServerRequest extends MachineRequest {
  readonly providerId: string
}

/** What became of a deletion: it goes on, call again; or there is nothing (left). */
export type MachineDeletion = 'deleting' | 'gone'

/** How a call may be ended early; it then rejects with the signal's reason. */
export interface CallOptions {
  readonly signal?: AbortSignal
}

/** Volumes of pods: specs of PersistentVolumes, as the Kubernetes API describes them. */
export interface VolumeIdsRequest {
  readonly volumes: readonly Readonly<Record<string, unknown>>[]
}

/** Sorts of things that clouds make beside a server. */
export type LeftoverKind = 'network-interface' | 'disk' | 'port' | 'address' | 'load-balancer'

/** Something that was made for a server, stands alone now and costs money or quota. */
export interface Leftover {
  /** The cloud's id, unique among all that is listed. */
  readonly id: string
  readonly kind: LeftoverKind
  /** The machine that it was made for. */
  readonly machineName: string
  /** When it was made, in milliseconds; absent when the cloud does not tell. */
  readonly createdAt?: number
}

/**
 * One cloud. Every fault is thrown as a `Failure`; no method sleeps through a shortage, retries by itself or keeps state between calls,
 * so any of them may be repeated at any time by another process.
 */
export interface Driver {
  /** Name that `MachineClass.provider` must have. */
  readonly provider: string
  /**
   * Makes the server of a machine, or adopts the one that carries its name already: repeats never make a second one, also when the answer of an earlier call
   * was lost. A server that turned out unusable is removed, and its reason thrown, so that the next call begins anew.
   * What {@link Driver.updateMachine} could change is on an adopted server as this request has it.
   * `Exhausted`: quota or stock. `Invalid`: the class can never work; names the field.
   */
  createMachine(request: CreateMachineRequest, options?: CallOptions): Promise<ProviderMachine>
  /** Does what can only be done once the server exists; repeats are harmless. */
  initializeMachine(request: MachineRequest, options?: CallOptions): Promise<ProviderMachine>
  /** Removes every server of that machine and all that was made for it. None there is success. */
  deleteMachine(request: MachineRequest, options?: CallOptions): Promise<MachineDeletion>
  /**
   * Capability: removes this one server, if it is one of the machine's, and neither the machine's others nor what was made for them. None there is success,
   * and so is one that is another machine's or another cluster's: those stay.
   */
  deleteServer?(request: ServerRequest, options?: CallOptions): Promise<MachineDeletion>
  /** `NotFound`: no server. `Conflict`: several. A server that failed is an answer, not a fault. */
  getMachineStatus(request: MachineRequest, options?: CallOptions): Promise<ProviderMachine>
  /** Machine names by provider id of all servers that carry the class's cluster tag and the node role tag. */
  listMachines(settings: ClassSettings, options?: CallOptions): Promise<ReadonlyMap<string, string>>
  /**
   * Capability, together with {@link Driver.deleteLeftover}: what was made for servers of this cluster (by the class's cluster and role tags) and belongs to no server.
   * Never what another cluster owns, what hangs on a server, or volumes of pods. What a creation under way has just made may be among it: the caller spares it.
   */
  listLeftovers?(settings: ClassSettings, options?: CallOptions): Promise<readonly Leftover[]>
  /** Removes one of them. None there is success; `Conflict` when a server or another cluster has it by now. */
  deleteLeftover?(settings: ClassSettings, leftover: Leftover, options?: CallOptions): Promise<MachineDeletion>
  /** Capability: the cloud's ids of the volumes that are its own, in the order of the request; those of others are passed over. Needs no server. */
  getVolumeIds?(request: VolumeIdsRequest, options?: CallOptions): Promise<readonly string[]>
  /** Capability: the last lines that the server wrote to its console. */
  getConsoleOutput?(request: MachineRequest, lines: number, options?: CallOptions): Promise<string>
  /**
   * Capability, together with {@link Driver.updateMachine}: paths in `providerSpec` of what can be changed on a server while it runs, as in `tags` or `network.securityGroups`.
   * The same for the life of the driver.
   */
  readonly mutableFields?: readonly string[]
  /**
   * Brings the mutable fields of the machine's server up to the class, and touches nothing else: what marks the server as ours stays, and so do other machines' servers.
   * Repeats are harmless. `NotFound`: no server. `Conflict`: several. `Invalid`: the class can never work; names the field.
   */
  updateMachine?(request: MachineRequest, options?: CallOptions): Promise<void>
}

/** Names of the port's methods. */
export type DriverOperation = Exclude<keyof Driver, 'provider' | 'mutableFields'>
