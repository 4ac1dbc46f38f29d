import { type Pod, pods } from '@trellis/api/core/pod'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import { createInformer } from '@trellis/kubernetes/informer'
import type { Events } from '../common/events.ts'
import type { EvictionAttempts } from './decide.ts'

/** What a drain works with. */
export interface DrainContext {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly events: Events
  /** The cluster whose node is drained. */
  readonly client: Client
}

/** One node while it is drained: its pods, and what this process has done about them. Losing it costs time, never correctness. */
export interface DrainSession extends Disposable {
  readonly context: DrainContext
  readonly nodeName: string
  /** Pods of the node; undefined until they are known. The first call begins to follow them. */
  pods(): readonly Pod[] | undefined
  /** By uid of the pod. */
  readonly attempts: Map<string, EvictionAttempts>
  cordoned: boolean
  /** Whether anything had to leave the node. */
  movedPods: boolean
  /** Since when pods are deleted without grace or regard for budgets. */
  forcedSince: number | undefined
}

/**
 * Begins to drain a node: `wake` is called whenever {@link drainNode} has something new to look at, until the session is disposed or the
 * signal aborts. Nothing is asked of the API server yet.
 */
export function startDrainSession(
  context: DrainContext,
  nodeName: string,
  { wake, signal }: { readonly wake: () => void; readonly signal: AbortSignal },
): DrainSession {
  const stop = new AbortController()
  const ended = AbortSignal.any([signal, stop.signal])
  let informer: ReturnType<typeof followPods> | undefined
  return {
    context,
    nodeName,
    attempts: new Map(),
    cordoned: false,
    movedPods: false,
    forcedSince: undefined,
    pods: () => {
      informer ??= followPods(context, nodeName, { wake, signal: ended })
      return informer.hasSynced() ? informer.list() : undefined
    },
    [Symbol.dispose]: () => stop.abort(new Failure('Gone', 'the drain is over')),
  }
}

function followPods(
  context: DrainContext,
  nodeName: string,
  { wake, signal }: { readonly wake: () => void; readonly signal: AbortSignal },
) {
  const selection = { fieldSelector: `spec.nodeName=${nodeName}` }
  const informer = createInformer({ ...context, resource: pods, selection })
  informer.onChange(() => {
    if (informer.hasSynced()) wake()
  })
  void informer.run(signal)
  informer.synced(signal).then(wake, () => {})
  return informer
}
