import { type DrainProgress, drainNode } from '../drain/drain-node.ts'
import type { DrainPurpose } from '../drain/force.ts'
import { type ReleaseProgress, releaseVolumes } from '../drain/release-volumes.ts'
import { type DrainSession, startDrainSession } from '../drain/session.ts'
import type { MachineContext } from './context.ts'
import type { MachineMemory } from './machine-memory.ts'
import type { MachineObservation } from './observation.ts'
import { patchNode } from './write-node.ts'

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
  draining: Draining,
  { machine, node, settings }: MachineObservation,
  { purpose, since }: { readonly purpose: DrainPurpose; readonly since: number },
): Promise<DrainProgress | undefined> {
  if (node === undefined) return undefined
  const session = sessionOf(draining, node.metadata.name, `${purpose} ${since}`)
  return session === undefined ? undefined : drainNode(session, { machine, node, purpose, since, settings })
}

/** Detaches by force what a drain left attached to the machine's node; to be called when the drain is over, before its server goes. */
export async function releaseMachineVolumes(
  draining: Draining,
  { machine, node, settings }: MachineObservation,
): Promise<ReleaseProgress> {
  const { drainOf = '' } = draining.memory
  const session = node === undefined ? undefined : sessionOf(draining, node.metadata.name, drainOf)
  if (node === undefined || session === undefined) return { kind: 'released' }
  return releaseVolumes(session, { machine, node }, settings.pvDetachTimeoutMilliseconds)
}

/** Stops following what a drain followed. To be called when it is over, or no longer wanted. */
export function endDrain(memory: MachineMemory): void {
  memory.drain?.[Symbol.dispose]()
  memory.drain = undefined
  memory.drainOf = undefined
}

/** The session under way, or a new one: what an earlier drain of the node has done, as to cordon it, may have been undone since. */
function sessionOf(
  { context, memory, wake, signal }: Draining,
  nodeName: string,
  drainOf: string,
): DrainSession | undefined {
  const { target } = context
  if (target === undefined) return undefined
  if (memory.drain?.nodeName !== nodeName || memory.drainOf !== drainOf) endDrain(memory)
  memory.drainOf = drainOf
  const { clock, random, log, events, driver } = context
  const { client, budgets, attachments } = target
  const patch = (name: string, body: object) => patchNode(target, name, body)
  memory.drain ??= startDrainSession(
    { clock, random, log, events, driver, client, budgets, attachments, patchNode: patch },
    nodeName,
    { wake, signal },
  )
  return memory.drain
}
