import { createHash } from 'node:crypto'
import type { OpenStackProviderSpec } from './provider-spec.ts'
import type { Port, Server } from './resources.ts'

type Owned = OpenStackProviderSpec['owned']

/** Nova takes tags of at most 60 characters. */
const longestTag = 60

/** The keys that mark what is ours as tags of servers, ports and addresses; a key that is too long ends in a digest of itself. */
export function ownershipMarks(owned: Owned): readonly string[] {
  return Object.keys(owned).sort().map(markOf)
}

/** How all of these are asked for in one filter. */
export function marksFilter(owned: Owned): string {
  return ownershipMarks(owned).join(',')
}

function markOf(key: string): string {
  const plain = key.replace(/[/,]/g, '_')
  if (plain === key && key.length <= longestTag) return key
  const digest = createHash('sha256').update(key).digest('hex').slice(0, 10)
  return `${plain.slice(0, longestTag - digest.length - 1)}-${digest}`
}

/** Whether metadata has every key that marks what is ours. Values do not count: the reference's manager looks at keys alone. */
export function marksMetadata(metadata: Readonly<Record<string, string>>, owned: Owned): boolean {
  return Object.keys(owned).every((key) => Object.hasOwn(metadata, key))
}

/** Whether tags have every mark. */
export function marksTags(tags: readonly string[] | undefined, owned: Owned): boolean {
  return ownershipMarks(owned).every((mark) => tags?.includes(mark))
}

/** Whether a server is one of the class's cluster and role. */
export function ownsServer(server: Server, owned: Owned): boolean {
  return marksMetadata(server.metadata, owned)
}

/** A port that a creation made and that no server has. */
export function isLoose(port: Port): boolean {
  return port.device_id === ''
}

/** Whether the server is on its way out. */
export function isGoing(server: Server): boolean {
  return (
    ['deleting', 'soft-deleting'].includes(server['OS-EXT-STS:task_state'] ?? '') ||
    ['DELETED', 'SOFT_DELETED'].includes(server.status)
  )
}
