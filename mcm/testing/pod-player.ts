import { type Pod, pods } from '@trellis/api/core/pod'
import { keyOf } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import { createInformer } from '@trellis/kubernetes/informer'

/** What became of a pod. */
export interface PodEnd {
  readonly name: string
  /** Milliseconds between the request to go and the end. */
  readonly stoppedAfter: number
}

/** Plays the kubelets of a namespace: pods become Ready at once, and end some time after they are asked to. */
export interface PodPlayer extends AsyncDisposable {
  readonly ended: readonly PodEnd[]
}

/** Starts playing. */
export function startPodPlayer(
  parts: { readonly clock: Clock; readonly random: Random; readonly client: Client },
  namespace: string,
  stopMilliseconds: number,
): PodPlayer {
  const { clock, client } = parts
  const stop = new AbortController()
  const ended: PodEnd[] = []
  const stopping = new Set<string>()
  const informer = createInformer({ ...parts, log: createSilentLog(), resource: pods, selection: { namespace } })
  informer.onChange(({ after }) => {
    if (after === undefined) return
    if (after.metadata.deletionTimestamp !== undefined) void end(after).catch(() => {})
    else if (after.status?.phase === 'Pending') void begin(after).catch(() => {})
  })
  const begin = async (pod: Pod) => {
    const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }
    await client.patch(pods, keyOf(pod), { status }, { type: 'merge', subresource: 'status' })
  }
  const end = async (pod: Pod) => {
    const { uid = '', name } = pod.metadata
    if (stopping.has(uid)) return
    stopping.add(uid)
    const asked = clock.now()
    await clock.sleep(stopMilliseconds, stop.signal)
    ended.push({ name, stoppedAfter: clock.now() - asked })
    await client.delete(pods, keyOf(pod), { gracePeriodSeconds: 0, uid })
  }
  const running = informer.run(stop.signal)
  return {
    ended,
    [Symbol.asyncDispose]: async () => {
      stop.abort(new Failure('Gone', 'the player was stopped'))
      await running
    },
  }
}

/** A pod that runs on a node already. */
export function podOn(namespace: string, name: string, nodeName: string, labels: Record<string, string> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels },
    spec: { nodeName, terminationGracePeriodSeconds: 30, containers: [{ name: 'main', image: 'none' }] },
  }
}
