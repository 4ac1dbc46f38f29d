import type { Node } from '@trellis/api/core/node'
import { type VolumeAttachment, volumeAttachments } from '@trellis/api/core/storage'
import type { Machine } from '@trellis/api/machine/machine'
import { keyOf } from '@trellis/api/meta'
import { describe } from '@trellis/foundation/failure'
import { formatDuration } from '../common/duration.ts'
import { volumesText } from './blockers.ts'
import type { DrainSession } from './session.ts'

/** How the detaching of volumes by force stands. */
export type ReleaseProgress =
  | { readonly kind: 'releasing'; readonly message: string; readonly milliseconds: number }
  | { readonly kind: 'released' }

const recheckMilliseconds = 5000

/**
 * Asks for everything that is still attached to a node to be detached, before its server is taken away: deletes the node's VolumeAttachments and waits until they
 * are gone. Whoever detaches may be dead as well, so it ends after the timeout; then an event names what is still attached. Never throws.
 */
export async function releaseVolumes(
  session: DrainSession,
  { machine, node }: { readonly machine: Machine; readonly node: Node },
  timeoutMilliseconds: number,
): Promise<ReleaseProgress> {
  const { clock, events, log } = session.context
  session.sawVolumes ||= (node.status?.volumesAttached ?? []).length > 0
  if (!session.sawVolumes) return { kind: 'released' }
  session.releasingSince ??= clock.now()
  const until = session.releasingSince + timeoutMilliseconds
  const attached = session.attachments()?.byIndex('node', session.nodeName)
  if (attached?.length === 0) return { kind: 'released' }
  const what =
    attached === undefined ? 'what is attached could not be read' : volumesText(attached.map(volumeName).sort())
  if (clock.now() >= until) {
    const text = `not detached within ${formatDuration(timeoutMilliseconds)}: ${what}`
    events.warn(machine, 'VolumesLeftAttached', `The server is deleted with volumes attached; ${text}`)
    log.warn({ node: session.nodeName, what }, 'the server of a node is deleted with volumes attached')
    return { kind: 'released' }
  }
  await Promise.all((attached ?? []).map((attachment) => detach(session, attachment)))
  return { kind: 'releasing', message: what, milliseconds: Math.min(recheckMilliseconds, until - clock.now()) }
}

async function detach({ context }: DrainSession, attachment: VolumeAttachment): Promise<void> {
  const { uid, name, deletionTimestamp } = attachment.metadata
  if (deletionTimestamp !== undefined) return
  try {
    await context.client.delete(volumeAttachments, keyOf(attachment), uid === undefined ? {} : { uid })
  } catch (error) {
    context.log.warn({ attachment: name, error: describe(error) }, 'a volume attachment could not be deleted')
  }
}

function volumeName({ metadata, spec }: VolumeAttachment): string {
  return spec.source.persistentVolumeName ?? metadata.name
}
