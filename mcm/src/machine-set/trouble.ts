import { describe } from '@trellis/foundation/failure'
import type { SetTrouble } from './status.ts'

/** What kept a pass over a set from being carried out. */
export interface Trouble {
  /** Undefined when it keeps no machine from being made or deleted. */
  readonly said: SetTrouble | undefined
  readonly error: unknown
}

/** Trouble that the set's status is to tell. */
export function trouble(reason: string, error: unknown): Trouble {
  return { error, said: { reason, message: describe(error) } }
}
