/**
 * A queue of keys with the guarantees of client-go's: each key is in it at most once (stingy), keys come out in the order they went in (fair),
 * and a key added while it is being processed comes out again afterwards, never to two workers at once (re-entrant).
 */
export interface WorkQueue {
  add(key: string): void
  /** Adds the key after a delay; an earlier pending moment wins. */
  addAfter(key: string, milliseconds: number): void
  /** Adds the key after its next backoff pause. */
  addWithBackoff(key: string): void
  /** Ends the key's backoff history. */
  forget(key: string): void
  /** How often the key was added with backoff since it was last forgotten. */
  tries(key: string): number
  /** The next key, as soon as there is one; undefined once the queue has shut down and is empty. */
  take(): Promise<string | undefined>
  /** Says that the work on a taken key is finished. */
  done(key: string): void
  /** Keys waiting to be taken now. */
  depth(): number
  shutDown(): void
}
