import { type Pod, pods } from '@trellis/api/core/pod'
import type { VolumeAttachment } from '@trellis/api/core/storage'
import type { PodDisruptionBudget } from '@trellis/api/core/workload'
import type { KubernetesObject } from '@trellis/api/meta'
import type { Driver } from '@trellis/cloudprovider/contract/driver'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import { createInformer, type Informer } from '@trellis/kubernetes/informer'
import type { Events } from '../common/events.ts'
import type { EvictionAttempts } from './decide.ts'
import type { Move } from './moves.ts'
import { mustLeave, trimPod } from './pods.ts'
import type { SharedWatch, WatchShare } from './shared-watch.ts'
import { createVolumeBook, type VolumeBook } from './volume-book.ts'

/** What a drain works with. */
export interface DrainContext {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly events: Events
  /** The cluster whose node is drained. */
  readonly client: Client
  /** Applies a merge patch to a node, and remembers the answer. */
  readonly patchNode: (nodeName: string, patch: object) => Promise<unknown>
  readonly driver: Pick<Driver, 'getVolumeIds'>
  /** Disruption budgets of that cluster, followed while evictions are refused. */
  readonly budgets: SharedWatch<PodDisruptionBudget>
  /** Volume attachments of that cluster, followed while volumes of a drained node are attached. */
  readonly attachments: SharedWatch<VolumeAttachment>
}

/** One node while it is drained: its pods, and what this process has done about them. Losing it costs time, never correctness. */
export interface DrainSession extends Disposable {
  readonly context: DrainContext
  readonly nodeName: string
  /** Pods of the node; undefined until they are known. The first call looks at them, and follows them when any must leave. */
  pods(): readonly Pod[] | undefined
  /** The cluster's budgets; undefined until they are known. The first call begins to follow them. */
  budgets(): Informer<PodDisruptionBudget> | undefined
  /** The cluster's volume attachments; undefined until they are known. The first call begins to follow them. */
  attachments(): Informer<VolumeAttachment> | undefined
  readonly volumes: VolumeBook
  /** By uid of the pod. */
  readonly attempts: Map<string, EvictionAttempts>
  moves: readonly Move[]
  cordoned: boolean
  /** Whether it was seen to that the node's finalizer holds it. */
  guarded: boolean
  /** Whether anything had to leave the node. */
  movedPods: boolean
  /** Whether pods or the node told of volumes that are or may be attached. */
  sawVolumes: boolean
  /** Since when no pod is left. */
  emptySince: number | undefined
  /** Since when pods are deleted without grace or regard for budgets. */
  forcedSince: number | undefined
  /** Since when volumes are detached by force. */
  releasingSince: number | undefined
  /** Troubles that an event told of. */
  readonly told: Set<string>
}

/** When and for how long a session tells of changes. */
export interface SessionLife {
  readonly wake: () => void
  readonly signal: AbortSignal
}

/** What a drain needs of an attachment; the rest is not kept. */
export function trimAttachment({ apiVersion, kind, metadata, spec, status }: VolumeAttachment): VolumeAttachment {
  const { name, uid, resourceVersion, deletionTimestamp } = metadata
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    },
    spec,
    status: { attached: status?.attached ?? false },
  }
}

/** Index functions that the followed volume attachments must have. */
export const attachmentIndexes = {
  node: ({ spec }: VolumeAttachment) => [spec.nodeName],
  volume: ({ spec }: VolumeAttachment) =>
    spec.source.persistentVolumeName === undefined ? [] : [spec.source.persistentVolumeName],
}

/**
 * Begins to drain a node: `wake` is called whenever there is something new to look at, until the session is disposed or the
 * signal aborts. Nothing is asked of the API server yet.
 */
export function startDrainSession(
  context: DrainContext,
  nodeName: string,
  { wake, signal }: SessionLife,
): DrainSession {
  const stop = new AbortController()
  const ended = AbortSignal.any([signal, stop.signal])
  const view = createPodsView(context, nodeName, { wake, signal: ended })
  const volumes = createVolumeBook(context)
  const attempts = new Map<string, EvictionAttempts>()
  const budgets = joinOnce(context.budgets, () => {
    // Only those that were refused wait for a budget.
    if ([...attempts.values()].some(({ refusal }) => refusal !== undefined)) wake()
  })
  const attachments = joinOnce(context.attachments, ({ spec }) => {
    if (spec.nodeName === nodeName || volumes.has(spec.source.persistentVolumeName ?? '')) wake()
  })
  return {
    context,
    nodeName,
    volumes,
    attempts,
    moves: [],
    cordoned: false,
    guarded: false,
    movedPods: false,
    sawVolumes: false,
    emptySince: undefined,
    forcedSince: undefined,
    releasingSince: undefined,
    told: new Set(),
    pods: view,
    budgets: () => budgets.known(wake),
    attachments: () => attachments.known(wake),
    [Symbol.dispose]: () => {
      stop.abort(new Failure('Gone', 'the drain is over'))
      budgets.leave()
      attachments.leave()
    },
  }
}

/** Joins a shared watch when it is first asked for. */
function joinOnce<Kind extends KubernetesObject>(watch: SharedWatch<Kind>, onChange: (object: Kind) => void) {
  let share: WatchShare<Kind> | undefined
  return {
    known: (wake: () => void): Informer<Kind> | undefined => {
      share ??= watch.join({ onChange, onKnown: wake })
      return share.known()
    },
    leave: () => {
      share?.[Symbol.dispose]()
      share = undefined
    },
  }
}

/** Lists the pods first: most nodes that go are empty, and a watch takes a connection of its own. Pods that must leave are then followed. */
function createPodsView(context: DrainContext, nodeName: string, life: SessionLife): DrainSession['pods'] {
  const { wake, signal } = life
  let looking = false
  let known: (() => readonly Pod[] | undefined) | undefined
  const look = async () => {
    const fieldSelector = `spec.nodeName=${nodeName}`
    // An API server that does not answer is asked again by the informer, for as long as it takes.
    const items = await context.client.list(pods, { fieldSelector, signal }).then(
      (list) => list.items.map(trimPod),
      () => undefined,
    )
    if (signal.aborted) return
    if (items === undefined || items.some(mustLeave)) known = followPods(context, fieldSelector, life)
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

function followPods(context: DrainContext, fieldSelector: string, { wake, signal }: SessionLife): DrainSession['pods'] {
  const informer = createInformer({ ...context, resource: pods, selection: { fieldSelector }, transform: trimPod })
  informer.onChange(() => {
    if (informer.hasSynced()) wake()
  })
  void informer.run(signal)
  informer.synced(signal).then(wake, () => {})
  return () => (informer.hasSynced() ? informer.list() : undefined)
}
