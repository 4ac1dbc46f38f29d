import type { NodeAgentConfiguration } from '@trellis/api/node-agent-configuration'
import type { Clock } from '@trellis/foundation/clock'
import type { CommandRunner } from '@trellis/foundation/command'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { ApiClient } from './api-client.ts'
import type { Disk } from './disk.ts'
import type { HostFacts } from './host-facts.ts'
import type { HostSettings } from './host-settings.ts'
import type { Systemd, UnitName } from './systemd.ts'

/** Everything that steps need; made once, when the agent starts. */
export interface AgentContext {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly configuration: NodeAgentConfiguration
  readonly facts: HostFacts
  readonly settings: HostSettings
  readonly disk: Disk
  readonly runner: CommandRunner
  readonly systemd: Systemd
  /** The API server of the cluster, with the best credentials that this machine has at the time of each call. */
  readonly client: ApiClient
  /** Units whose files were changed by this run, and which must therefore be started anew. */
  readonly changedUnits: Set<UnitName>
  /** Runs work beside the steps for as long as the agent lives; it must end when the signal aborts. */
  background(name: string, work: (signal: AbortSignal) => Promise<void>): void
}
