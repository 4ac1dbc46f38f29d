import { type KubernetesObject, keyOf, keyText, type ObjectKey } from '@trellis/api/meta'
import type { Informer } from '@trellis/kubernetes/informer'

/** An informer that already knows what this process wrote, before the watch tells. */
export interface FreshReader<Kind extends KubernetesObject> {
  get(key: ObjectKey): Kind | undefined
  /** The freshest version of each object in a list that came out of the informer. */
  freshen(objects: readonly Kind[]): readonly Kind[]
  /** Keeps what the API server answered to a write until the informer has caught up. */
  remember(object: Kind): Kind
}

/** Lays this process's own writes over an informer. Objects that the informer does not hold are not invented: creations need expectations of their own. */
export function createFreshReader<Kind extends KubernetesObject>(informer: Informer<Kind>): FreshReader<Kind> {
  const written = new Map<string, Kind>()
  const freshest = (known: Kind): Kind => {
    if (written.size === 0) return known
    const key = keyText(keyOf(known))
    const own = written.get(key)
    if (own === undefined) return known
    if (own.metadata.uid === known.metadata.uid && versionOf(own) > versionOf(known)) return own
    written.delete(key)
    return known
  }
  informer.onChange(({ key, after }) => {
    if (after === undefined) written.delete(keyText(key))
    else freshest(after)
  })
  return {
    get: (key) => {
      const known = informer.get(key)
      return known === undefined ? undefined : freshest(known)
    },
    freshen: (objects) => (written.size === 0 ? objects : objects.map(freshest)),
    remember: (object) => {
      const known = informer.get(keyOf(object))
      // The watch may have been faster than the answer, with the change or with the end of the object: then there is nothing to keep.
      const isNews =
        known !== undefined && known.metadata.uid === object.metadata.uid && versionOf(object) > versionOf(known)
      if (isNews) written.set(keyText(keyOf(object)), object)
      return object
    },
  }
}

/** The version of an object as a number: those of one kind are comparable whole numbers since Kubernetes 1.35, and have always been in fact. 0 for what has none. */
export function versionOf(object: KubernetesObject): bigint {
  const text = object.metadata.resourceVersion ?? '0'
  return /^\d+$/.test(text) ? BigInt(text) : 0n
}
