/**
 * How a reconcile ended.
 * - `done`: nothing to do until something changes. `again`: call again after that time even if nothing changes.
 * - `blocked`: cannot proceed until something changes; the reason is for people.
 */
export type Outcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'again'; readonly afterMilliseconds: number }
  | { readonly kind: 'blocked'; readonly reason: string }

/** Nothing to do until something changes. */
export const done: Outcome = { kind: 'done' }

/** Come back after that time. */
export function again(afterMilliseconds: number): Outcome {
  return { kind: 'again', afterMilliseconds }
}

/** Wait for a change. */
export function blocked(reason: string): Outcome {
  return { kind: 'blocked', reason }
}

/** The work of a controller on one key. It re-reads the world; a thrown error means again with backoff. */
export type Reconcile = (key: string, signal: AbortSignal) => Promise<Outcome>

/** A running loop of workers over one queue. */
export interface Controller {
  enqueue(key: string): void
  enqueueAfter(key: string, milliseconds: number): void
  /** Works until the signal aborts, then lets the reconciles under way finish. */
  run(signal: AbortSignal): Promise<void>
}
