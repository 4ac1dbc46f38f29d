import { type DrainProgress, drainNode } from '../drain/drain-node.ts'
import type { DrainPurpose } from '../drain/force.ts'
import { startDrainSession } from '../drain/session.ts'
import type { MachineContext } from './context.ts'
import type { MachineMemory } from './machine-memory.ts'
import type { MachineObservation } from './observation.ts'

/** What a step that drains works with. */
export interface Draining {
  readonly context: MachineContext
  readonly memory: MachineMemory
  /** Puts the machine back into the queue. */
  readonly wake: () => void
  /** Ends what the drain follows when the process stops. */
  readonly signal: AbortSignal
}

/**
 * Takes the drain of a machine's node as far as it gets and tells how it stands; undefined when there is no node to drain. The machine is
 * woken for everything that concerns the drain, until {@link endDrain}. `since` must be kept somewhere that outlives this process.
 */
export async function drainMachine(
  { context, memory, wake, signal }: Draining,
  { machine, node, settings }: MachineObservation,
  { purpose, since }: { readonly purpose: DrainPurpose; readonly since: number },
): Promise<DrainProgress | undefined> {
  const client = context.target?.client
  if (client === undefined || node === undefined) return undefined
  const { clock, random, log, events } = context
  const nodeName = node.metadata.name
  if (memory.drain?.nodeName !== nodeName) endDrain(memory)
  memory.drain ??= startDrainSession({ clock, random, log, events, client }, nodeName, { wake, signal })
  return drainNode(memory.drain, { machine, node, purpose, since, settings })
}

/** Stops following what a drain followed. To be called when it is over, or no longer wanted. */
export function endDrain(memory: MachineMemory): void {
  memory.drain?.[Symbol.dispose]()
  memory.drain = undefined
}
