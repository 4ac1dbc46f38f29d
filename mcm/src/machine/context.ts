import type { ConfigMap, Secret } from '@trellis/api/core/configuration'
import type { Node } from '@trellis/api/core/node'
import type { VolumeAttachment } from '@trellis/api/core/storage'
import type { PodDisruptionBudget } from '@trellis/api/core/workload'
import type { Machine } from '@trellis/api/machine/machine'
import type { MachineDeployment } from '@trellis/api/machine/machine-deployment'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import type { Driver } from '@trellis/cloudprovider/contract/driver'
import type { Clock } from '@trellis/foundation/clock'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import type { Informer } from '@trellis/kubernetes/informer'
import type { Events } from '../common/events.ts'
import type { FreshReader } from '../common/freshness.ts'
import type { SharedWatch } from '../drain/shared-watch.ts'
import type { ClassLookup, ClassView } from '../machine-class/resolve.ts'
import type { ApiServerGuard } from '../safety/api-servers.ts'
import type { Shortages } from '../safety/shortages.ts'
import type { MachineSettings } from './settings.ts'

/** The cluster that machines join. Its informers run from the start and sync whenever its API server answers. */
export interface TargetContext {
  readonly client: Client
  readonly nodes: Informer<Node>
  /** The same nodes, with what this process wrote to them already. */
  readonly nodeReader: FreshReader<Node>
  /** ConfigMaps of kube-system, among which machines report. */
  readonly reports: Informer<ConfigMap>
  /** Secrets of bootstrap tokens. */
  readonly tokens: Informer<Secret>
  /** Followed while a drain needs them. */
  readonly budgets: SharedWatch<PodDisruptionBudget>
  readonly attachments: SharedWatch<VolumeAttachment>
  /** Resolves when the cluster answers for the first time. */
  readonly answered: Promise<void>
  /** When the nodes became known to this process. */
  nodesKnownSince(): number | undefined
  /** Since when it has been asked in vain; undefined once it answered, and before it was asked. */
  silentSince(): number | undefined
}

/** How bootstrap tokens are made. */
export interface TokenSettings {
  /** Without it tokens are random, and no server is made before the target's API server answers. */
  readonly key: Uint8Array | undefined
  readonly extraGroups: string
}

/** Moments in a machine's life that are measured. */
export interface MachineTimes {
  created(machine: Machine, milliseconds: number): void
  initialized(machine: Machine, milliseconds: number): void
  joined(machine: Machine, milliseconds: number): void
  failedToJoin(machine: Machine): void
  drained(machine: Machine, milliseconds: number): void
  deleted(machine: Machine, milliseconds: number): void
  /** A failed machine was deleted by its set, to be replaced. */
  stale(): void
}

/** All that the machine controller works with. */
export interface MachineContext {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly namespace: string
  readonly control: Client
  readonly target: TargetContext | undefined
  readonly driver: Driver
  readonly settings: MachineSettings
  readonly tokens: TokenSettings
  readonly classes: ClassLookup
  readonly machines: Informer<Machine>
  readonly machineReader: FreshReader<Machine>
  readonly deployments: Informer<MachineDeployment>
  readonly sets: Informer<MachineSet>
  readonly shortages: Shortages
  /** Classes of machines as they were when they were last complete, by name: enough to delete a server by. */
  readonly knownClasses: Map<string, ClassView>
  readonly events: Events
  readonly times: MachineTimes
  readonly apiServers: Pick<ApiServerGuard, 'frozen' | 'recoveredAt' | 'onRecovery'>
}
