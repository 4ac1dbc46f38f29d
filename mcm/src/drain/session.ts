import { type Pod, pods } from '@trellis/api/core/pod'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import { createInformer } from '@trellis/kubernetes/informer'
import type { Events } from '../common/events.ts'
import type { EvictionAttempts } from './decide.ts'
import { mustLeave } from './pods.ts'

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
  /** Pods of the node; undefined until they are known. The first call looks at them, and follows them when any must leave. */
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
  const view = createPodsView(context, nodeName, { wake, signal: ended })
  return {
    context,
    nodeName,
    attempts: new Map(),
    cordoned: false,
    movedPods: false,
    forcedSince: undefined,
    pods: view,
    [Symbol.dispose]: () => stop.abort(new Failure('Gone', 'the drain is over')),
  }
}

interface Following {
  readonly wake: () => void
  readonly signal: AbortSignal
}

/** Lists the pods first: most nodes that go are empty, and a watch takes a connection of its own. Pods that must leave are then followed. */
function createPodsView(context: DrainContext, nodeName: string, following: Following): DrainSession['pods'] {
  const { wake, signal } = following
  let looking = false
  let known: (() => readonly Pod[] | undefined) | undefined
  const look = async () => {
    const fieldSelector = `spec.nodeName=${nodeName}`
    // An API server that does not answer is asked again by the informer, for as long as it takes.
    const items = await context.client.list(pods, { fieldSelector, signal }).then(
      (list) => list.items,
      () => undefined,
    )
    if (signal.aborted) return
    if (items === undefined || items.some(mustLeave)) known = followPods(context, fieldSelector, following)
    else {
      known = () => items
      wake()
    }
  }
  return () => {
    if (!looking) void look()
    looking = true
    return known?.()
  }
}

function followPods(context: DrainContext, fieldSelector: string, { wake, signal }: Following): DrainSession['pods'] {
  const informer = createInformer({ ...context, resource: pods, selection: { fieldSelector } })
  informer.onChange(() => {
    if (informer.hasSynced()) wake()
  })
  void informer.run(signal)
  informer.synced(signal).then(wake, () => {})
  return () => (informer.hasSynced() ? informer.list() : undefined)
}
