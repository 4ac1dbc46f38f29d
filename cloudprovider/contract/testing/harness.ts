import type { CreateMachineRequest, Driver } from '../src/driver.ts'

/** A driver in front of a cloud that holds nothing yet. */
export interface DriverHarness extends AsyncDisposable {
  readonly driver: Driver
  /** A second driver in front of the same cloud, as after a restart of its process. */
  restarted(): Driver
  /** A valid providerSpec whose servers belong to the cluster of that name. */
  providerSpec(cluster: string): Record<string, unknown>
  readonly secret: Readonly<Record<string, string>>
  /** Runs `work` while time passes in the cloud. */
  elapse<Value>(work: () => Promise<Value>): Promise<Value>
  /** Number of servers that the cloud itself counts. */
  servers(): Promise<number>
  /** True when a provider id is made of the machine's name alone, so that a later server of that name has the earlier one's. */
  readonly reusesProviderIds?: boolean
  /** Makes the answer to the next creation get lost after the cloud acted on it; absent when the cloud cannot be made to. */
  loseNextCreation?(): void
  /** Makes the cloud hold a second server of a machine that has one, and gives its provider id; absent when the cloud cannot be made to. */
  duplicate?(machineName: string): string | Promise<string>
  /** Makes the cloud hold something that was made for a machine of a cluster and belongs to no server; absent when the cloud has no such things. */
  leaveBehind?(machineName: string, cluster: string): void | Promise<void>
  /** What can be changed on servers that run; absent when the driver lacks the capability. */
  readonly mutable?: MutableHarness
  /** Volumes of the cloud, as specs of persistent volumes, and what the cloud calls each; absent when the driver lacks the capability. */
  readonly volumes?: readonly OwnVolume[]
}

/** A volume that the driver must know for one of its cloud's. */
export interface OwnVolume {
  /** Spec of a PersistentVolume. */
  readonly volume: Readonly<Record<string, unknown>>
  readonly id: string
}

/** How a test changes mutable fields, and sees what became of them. */
export interface MutableHarness {
  /** A valid change of providerSpec that touches nothing but mutable fields. */
  readonly change: Readonly<Record<string, unknown>>
  /** The mutable fields of the machine's server in a cluster, as the cloud itself has them. */
  fields(machineName: string, cluster: string): Promise<unknown>
}

/** Runs one test in front of an empty cloud. */
export type With = (work: (harness: DriverHarness) => Promise<void>) => () => Promise<void>

/** A request for a machine of a cluster. */
export function requestFor(harness: DriverHarness, machineName: string, cluster = 'one'): CreateMachineRequest {
  return {
    machineName,
    providerSpec: harness.providerSpec(cluster),
    secret: harness.secret,
    userData: '#cloud-config\n',
  }
}
