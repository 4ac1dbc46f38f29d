import { type Pod, pods } from '@trellis/api/core/pod'
import { type VolumeAttachment, volumeAttachments } from '@trellis/api/core/storage'
import { keyOf } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import { createInformer } from '@trellis/kubernetes/informer'
import { volumeDriver } from './stateful.ts'

const finalizer = 'external-attacher/disks-test'

/** How the player behaves. */
export interface VolumePlayerOptions {
  readonly namespace: string
  readonly attachMilliseconds: number
  /** Undefined: never. */
  readonly detachMilliseconds: number | undefined
  /** Where a pod without a node is to run. */
  readonly placeOn: () => string
}

/** What happened, in its order: `asked POD`, `detached VOLUME`, `attached VOLUME NODE`. */
export interface VolumePlayer extends AsyncDisposable {
  readonly story: readonly string[]
  /** Volumes that are attached to a node. */
  attachedTo(nodeName: string): readonly string[]
}

/** Plays the scheduler of a namespace, and the part of the cloud's volume driver that attaches and detaches; a real attach-detach controller tells it what to do. */
export function startVolumePlayer(
  parts: { readonly clock: Clock; readonly random: Random; readonly client: Client },
  options: VolumePlayerOptions,
): VolumePlayer {
  const { client, clock } = parts
  const { namespace } = options
  const stop = new AbortController()
  const story: string[] = []
  const seen = new Set<string>()
  const once = (key: string, act: () => Promise<unknown>) => {
    if (seen.has(key)) return
    seen.add(key)
    act().catch(() => seen.delete(key))
  }
  const common = { ...parts, log: createSilentLog() }
  const podInformer = createInformer({ ...common, resource: pods, selection: { namespace } })
  const attachments = createInformer({ ...common, resource: volumeAttachments })
  podInformer.onChange(({ after }) => {
    if (after === undefined) return
    const { name, uid = '', deletionTimestamp } = after.metadata
    if (deletionTimestamp !== undefined && !seen.has(`asked ${uid}`)) {
      seen.add(`asked ${uid}`)
      story.push(`asked ${name}`)
    }
    if (after.spec?.nodeName === undefined) once(`place ${uid}`, () => place(client, after, options.placeOn()))
  })
  const attach = async (attachment: VolumeAttachment) => {
    await client.patch(volumeAttachments, keyOf(attachment), { metadata: { finalizers: [finalizer] } })
    await clock.sleep(options.attachMilliseconds, stop.signal)
    const status = { attached: true }
    await client.patch(volumeAttachments, keyOf(attachment), { status }, { type: 'merge', subresource: 'status' })
    story.push(`attached ${volumeOf(attachment)} ${attachment.spec.nodeName}`)
  }
  const detach = async (attachment: VolumeAttachment, milliseconds: number) => {
    await clock.sleep(milliseconds, stop.signal)
    story.push(`detached ${volumeOf(attachment)}`)
    await client.patch(volumeAttachments, keyOf(attachment), { metadata: { finalizers: [] } })
  }
  attachments.onChange(({ after }) => {
    if (after === undefined || after.spec.attacher !== volumeDriver) return
    if (!volumeOf(after).startsWith(`${namespace}-`)) return
    const { uid = '', deletionTimestamp } = after.metadata
    if (deletionTimestamp === undefined) once(`attach ${uid}`, () => attach(after))
    else if (options.detachMilliseconds !== undefined) {
      const { detachMilliseconds } = options
      once(`detach ${uid}`, () => detach(after, detachMilliseconds))
    }
  })
  const running = [podInformer.run(stop.signal), attachments.run(stop.signal)]
  return {
    story,
    attachedTo: (nodeName) =>
      attachments.list().flatMap((one) => (one.spec.nodeName === nodeName ? [volumeOf(one)] : [])),
    [Symbol.asyncDispose]: async () => {
      stop.abort(new Failure('Gone', 'the player was stopped'))
      await Promise.all(running)
    },
  }
}

function volumeOf({ spec }: VolumeAttachment): string {
  return spec.source.persistentVolumeName ?? ''
}

async function place(client: Client, pod: Pod, nodeName: string): Promise<void> {
  const { name, namespace = 'default' } = pod.metadata
  await client.request({
    method: 'POST',
    path: `/api/v1/namespaces/${namespace}/pods/${name}/binding`,
    body: {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace },
      target: { apiVersion: 'v1', kind: 'Node', name: nodeName },
    },
  })
}
