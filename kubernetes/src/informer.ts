import type { KubernetesObject, ObjectKey } from '@trellis/api/meta'

/** What changed about one object: both sides for an update, one side for an addition or a removal. */
export interface Change<Kind extends KubernetesObject> {
  readonly key: ObjectKey
  readonly before?: Kind
  readonly after?: Kind
}

/**
 * A local copy of the selected objects that follows the API server: list, then watch, resuming where it broke off.
 * Objects in it are shared and must not be changed by readers.
 */
export interface Informer<Kind extends KubernetesObject> {
  /** Runs until the signal aborts; never throws for a fault of the server. */
  run(signal: AbortSignal): Promise<void>
  /** Resolves once the first list is complete. */
  synced(signal?: AbortSignal): Promise<void>
  hasSynced(): boolean
  get(key: ObjectKey): Kind | undefined
  list(namespace?: string): readonly Kind[]
  /** Objects whose index function `index` returned `value`. */
  byIndex(index: string, value: string): readonly Kind[]
  /** Calls back on every change, beginning with the objects already here. Returns how to stop. */
  onChange(listener: (change: Change<Kind>) => void): () => void
}
