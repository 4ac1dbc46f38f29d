import type { Machine } from '@trellis/api/machine/machine'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import type { Clock } from '@trellis/foundation/clock'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import type { Informer } from '@trellis/kubernetes/informer'
import type { Events } from '../common/events.ts'
import type { FreshReader } from '../common/freshness.ts'
import type { MachineTimes } from '../machine/context.ts'
import type { Expectations } from './expectations.ts'

/** All that the machine set controller works with. */
export interface MachineSetContext {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly namespace: string
  readonly control: Client
  readonly machines: Informer<Machine>
  readonly machineReader: FreshReader<Machine>
  readonly sets: Informer<MachineSet>
  readonly setReader: FreshReader<MachineSet>
  readonly events: Events
  readonly expectations: Expectations
  readonly times: Pick<MachineTimes, 'stale'>
  /** Whether another process works on the deployments of sets. */
  readonly deploymentsElsewhere: boolean
}
