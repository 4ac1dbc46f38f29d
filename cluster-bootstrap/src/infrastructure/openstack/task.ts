import { InvariantError } from '@trellis/foundation/failure'
import type { PlannedChange } from '../engine.ts'
import type { InfrastructureContext, Memory } from './context.ts'

/** One part of a cluster's infrastructure. All of its verbs are harmless to repeat, also after a crash at any point. */
export interface InfrastructureTask {
  /** What it makes, as in the keys of the state. */
  readonly what: string
  /** Parts that must be there before it, and stay until it is gone. */
  readonly dependsOn: readonly string[]
  /** Makes it, adopts it, or changes what differs. */
  apply(context: InfrastructureContext): Promise<void>
  /** What `apply` would do. */
  plan(context: InfrastructureContext): Promise<readonly PlannedChange[]>
  /** Takes it away; what the user brought stays. */
  destroy(context: InfrastructureContext): Promise<void>
}

/** The id of a part that an earlier task made or found. */
export function idOf(memory: Memory, what: string): string {
  const id = memory.recall(what)
  if (id === undefined) throw new InvariantError(`the id of ${what} is read before it is known`)
  return id
}
