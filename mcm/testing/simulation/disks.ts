import { type Node, nodes } from '@trellis/api/core/node'
import { type Pod, pods } from '@trellis/api/core/pod'
import {
  persistentVolumeClaims,
  persistentVolumes,
  type VolumeAttachment,
  volumeAttachments,
} from '@trellis/api/core/storage'
import { keyOf } from '@trellis/api/meta'
import { simulatedVolumeDriver } from '@trellis/cloudprovider/simulated/driver'
import type { Clock } from '@trellis/foundation/clock'
import type { FakeClient } from '@trellis/kubernetes/testing/fake-client'

/** Plays the controller that attaches and detaches volumes, and the volume driver of the cloud that does it. */
export interface Disks {
  /** One round: makes what pods claim, attaches what they need, detaches what none needs any more. */
  tend(): Promise<void>
  /** How long detaching takes from now on; undefined: never. */
  detachMilliseconds: number | undefined
  /** Since when a volume has been attached to its node; undefined while it is not. */
  attachedSince(attachment: VolumeAttachment): number | undefined
  /** When a node was last seen to need a volume that is attached to it; undefined when it never was. */
  neededAt(attachment: VolumeAttachment): number | undefined
}

const attachMilliseconds = 8000
const finalizer = 'external-attacher/disks-simulated'
const storage = { resources: { requests: { storage: '1Gi' } } }

/** The volume of a pod, as its spec names it. */
export function volumeOfPod(podName: string) {
  return { name: 'data', persistentVolumeClaim: { claimName: podName } }
}

/** Makes the play; nothing happens between its rounds but what takes its time. */
export function createDisks({ clock, client }: { readonly clock: Clock; readonly client: FakeClient }): Disks {
  const needed = new Map<string, number>()
  const attachedAt = new Map<string, number>()
  const begun = new Set<string>()
  const once = (attachment: VolumeAttachment, what: string, milliseconds: number, work: () => Promise<unknown>) => {
    const key = `${what} ${attachment.metadata.uid}`
    if (begun.has(key)) return
    begun.add(key)
    clock.setTimer(milliseconds, () => void work().catch(() => {}), { unref: true })
  }
  const disks: Disks = {
    detachMilliseconds: 10_000,
    attachedSince: ({ metadata }) => attachedAt.get(metadata.uid ?? ''),
    neededAt: ({ metadata }) => needed.get(metadata.uid ?? ''),
    tend: async () => {
      const users = client.peek(pods).filter((pod) => claimOf(pod) !== undefined)
      for (const attachment of client.peek(volumeAttachments)) await follow(attachment, users)
      for (const pod of users) await supply(client, pod)
      for (const node of client.peek(nodes)) await tell(client, node)
    },
  }
  const follow = async (attachment: VolumeAttachment, users: readonly Pod[]) => {
    const { uid = '', deletionTimestamp } = attachment.metadata
    const isNeeded = users.some(
      (pod) => claimOf(pod) === volumeOf(attachment) && pod.spec?.nodeName === attachment.spec.nodeName,
    )
    if (isNeeded) needed.set(uid, clock.now())
    if (deletionTimestamp !== undefined) {
      const { detachMilliseconds } = disks
      if (detachMilliseconds === undefined) return
      once(attachment, 'detach', detachMilliseconds, () =>
        client.patch(volumeAttachments, keyOf(attachment), { metadata: { finalizers: [] } }),
      )
    } else if (!isNeeded) await client.delete(volumeAttachments, keyOf(attachment))
    else if (attachment.status?.attached !== true) {
      once(attachment, 'attach', attachMilliseconds, async () => {
        await client.patch(volumeAttachments, keyOf(attachment), { status: { attached: true } }, ofStatus)
        attachedAt.set(uid, clock.now())
      })
    }
  }
  return disks
}

const ofStatus = { type: 'merge', subresource: 'status' } as const

/** A node's status says what is attached to it. */
async function tell(client: FakeClient, node: Node): Promise<void> {
  const { name } = node.metadata
  const here = client
    .peek(volumeAttachments)
    .filter(({ spec, status }) => spec.nodeName === name && status?.attached === true)
    .map((attachment) => `kubernetes.io/csi/${simulatedVolumeDriver}^disk-of-${volumeOf(attachment)}`)
  const said = (node.status?.volumesAttached ?? []).map((volume) => volume.name)
  if (here.join() === said.join()) return
  const volumesAttached = here.map((volume) => ({ name: volume, devicePath: '' }))
  await client.patch(nodes, keyOf(node), { status: { volumesAttached } }, ofStatus)
}

function claimOf({ spec }: Pod): string | undefined {
  return spec?.volumes?.find(({ persistentVolumeClaim }) => persistentVolumeClaim !== undefined)?.persistentVolumeClaim
    ?.claimName
}

function volumeOf({ spec }: VolumeAttachment): string {
  return spec.source.persistentVolumeName ?? ''
}

/** Sees to it that a pod has its claim and its volume, and that the volume comes to its node once no other has it. */
async function supply(client: FakeClient, pod: Pod): Promise<void> {
  const name = claimOf(pod) ?? ''
  const { namespace = 'default', deletionTimestamp } = pod.metadata
  if (!client.peek(persistentVolumes).some(({ metadata }) => metadata.name === name)) {
    await client.create(persistentVolumes, {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name },
      spec: { csi: { driver: simulatedVolumeDriver, volumeHandle: `disk-of-${name}` } },
    })
    await client.create(persistentVolumeClaims, {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name, namespace },
      spec: { ...storage, volumeName: name },
    })
  }
  const taken = client.peek(volumeAttachments).some((attachment) => volumeOf(attachment) === name)
  if (taken || deletionTimestamp !== undefined) return
  const nodeName = pod.spec?.nodeName ?? ''
  await client.create(volumeAttachments, {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'VolumeAttachment',
    metadata: { name: `csi-${name}-${nodeName}`, finalizers: [finalizer] },
    spec: { attacher: simulatedVolumeDriver, nodeName, source: { persistentVolumeName: name } },
    status: { attached: false },
  })
}
