import type { KubernetesObject } from '@trellis/api/meta'
import { Failure } from '@trellis/foundation/failure'
import { createInformer, type Informer, type InformerOptions } from '@trellis/kubernetes/informer'

/** Objects of one kind that are followed only while somebody needs them, once for all who do. */
export interface SharedWatch<Kind extends KubernetesObject> {
  /** Follows them, from now on if nobody did. */
  join(listener: WatchListener<Kind>): WatchShare<Kind>
}

/** Who is told what. */
export interface WatchListener<Kind extends KubernetesObject> {
  /** Called for every object, then for every change, with the object as it is or was last. */
  readonly onChange: (object: Kind) => void
  /** Called once when all are known, unless they are already. */
  readonly onKnown: () => void
}

/** Somebody's part in a shared watch; disposing the last one ends the watch and drops what it knew. */
export interface WatchShare<Kind extends KubernetesObject> extends Disposable {
  /** Undefined until the first list is complete. */
  known(): Informer<Kind> | undefined
}

interface Running<Kind extends KubernetesObject> {
  readonly informer: Informer<Kind>
  readonly stop: AbortController
  readonly ended: AbortSignal
}

/** Makes a watch that nobody follows yet. Nothing outlives the signal. */
export function createSharedWatch<Kind extends KubernetesObject>(
  options: InformerOptions<Kind>,
  signal: AbortSignal,
): SharedWatch<Kind> {
  let current: Running<Kind> | undefined
  let shares = 0
  const begin = (): Running<Kind> => {
    const stop = new AbortController()
    const informer = createInformer(options)
    const ended = AbortSignal.any([signal, stop.signal])
    void informer.run(ended)
    return { informer, stop, ended }
  }
  const leave = () => {
    shares--
    if (shares > 0) return
    current?.stop.abort(new Failure('Gone', 'nobody follows this any more'))
    current = undefined
  }
  return {
    join: (listener) => {
      shares++
      current ??= begin()
      return share(current, listener, leave)
    },
  }
}

function share<Kind extends KubernetesObject>(
  { informer, ended }: Running<Kind>,
  { onChange, onKnown }: WatchListener<Kind>,
  leave: () => void,
): WatchShare<Kind> {
  const stopListening = informer.onChange(({ before, after }) => {
    const object = after ?? before
    if (object !== undefined) onChange(object)
  })
  let joined = true
  if (!informer.hasSynced()) {
    informer.synced(ended).then(
      () => {
        if (joined) onKnown()
      },
      () => {},
    )
  }
  return {
    known: () => (informer.hasSynced() ? informer : undefined),
    [Symbol.dispose]: () => {
      if (!joined) return
      joined = false
      stopListening()
      leave()
    },
  }
}
