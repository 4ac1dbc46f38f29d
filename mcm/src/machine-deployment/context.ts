import type { Machine } from '@trellis/api/machine/machine'
import type { MachineDeployment } from '@trellis/api/machine/machine-deployment'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import type { Clock } from '@trellis/foundation/clock'
import type { Log } from '@trellis/foundation/log'
import type { Client } from '@trellis/kubernetes/client'
import type { Informer } from '@trellis/kubernetes/informer'
import type { Events } from '../common/events.ts'
import type { FreshReader } from '../common/freshness.ts'
import type { TargetContext } from '../machine/context.ts'
import type { ClassLookup } from '../machine-class/resolve.ts'

/** All that the machine deployment controller works with. */
export interface MachineDeploymentContext {
  readonly clock: Clock
  readonly log: Log
  readonly namespace: string
  readonly control: Client
  /** The cluster whose nodes are marked during a rollout. */
  readonly target: Pick<TargetContext, 'client' | 'nodes' | 'nodeReader'> | undefined
  /** Whether the autoscaler is asked to leave nodes alone during a rollout. */
  readonly keepNodesDuringRollout: boolean
  readonly deployments: Informer<MachineDeployment>
  readonly deploymentReader: FreshReader<MachineDeployment>
  readonly sets: Informer<MachineSet>
  readonly setReader: FreshReader<MachineSet>
  readonly machines: Informer<Machine>
  readonly machineReader: FreshReader<Machine>
  /** Machines of a set that this process made, or is about to, and that the informer does not show yet. */
  coming(set: MachineSet): number
  /** Whether another process works on sets, so that this one does not know what is coming. */
  readonly setsElsewhere: boolean
  readonly classes: ClassLookup
  readonly events: Events
}
