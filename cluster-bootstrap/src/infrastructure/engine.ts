/**
 * Identifiers of what was made for a shoot at its cloud, by what it is: `{"vpc": "vpc-1", "zone/a/subnet": "subnet-7"}`. No secrets: they stand in the Shoot's status.
 * What is in it is looked up by id; what is not, by name and tags, so that a state that was lost costs calls and never makes a second one.
 */
export type InfrastructureState = Readonly<Record<string, string>>

/** A shoot's networks at its cloud, as a user wants them. */
export interface InfrastructureRequest {
  /** Names and tags everything that is made. */
  readonly technicalId: string
  readonly region: string
  /** Zones that workers are to be in, without repeats. */
  readonly zones: readonly string[]
  readonly networks: { readonly nodes: string; readonly pods: string; readonly services: string }
  /** `spec.provider.infrastructureConfig` of the Shoot, unchecked; undefined when there is none. */
  readonly configuration: unknown
  /** Credentials of the cloud's account. */
  readonly secret: Readonly<Record<string, string>>
  /** What earlier runs saved. */
  readonly state: InfrastructureState
  /** Makes a state durable; called as soon as anything has been made, before anything else is. */
  save(state: InfrastructureState): Promise<void>
  readonly signal: AbortSignal
  /** Tells people what is being waited for. */
  note(text: string): void
}

/** What machines need to know of the infrastructure, by name; which names there are is the cloud's. */
export type InfrastructureOutputs = Readonly<Record<string, string>>

/** One difference between what is wanted and what is there. */
export interface PlannedChange {
  readonly action: 'create' | 'update' | 'replace' | 'delete'
  /** What it is, as in the keys of the state. */
  readonly what: string
  /** The field that differs, when there is one. */
  readonly field?: string
}

/** Makes, keeps and takes down the infrastructure of shoots at one kind of cloud. Every fault is a `Failure`. */
export interface InfrastructureEngine {
  /** Makes what is missing, adopts what is there, changes what differs. Harmless to repeat, also after a crash at any point. `Invalid` names the field of the configuration. */
  apply(request: InfrastructureRequest): Promise<InfrastructureOutputs>
  /** What `apply` would do; changes nothing. */
  plan(request: InfrastructureRequest): Promise<readonly PlannedChange[]>
  /** Takes down all that was made, and what the cluster itself left behind: load balancers, routes, firewall rules, volumes of its own. Harmless to repeat and when there is nothing. */
  destroy(request: InfrastructureRequest): Promise<void>
}
