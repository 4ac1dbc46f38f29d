import type { Client } from '@trellis/kubernetes/client'

/** What users work with. */
export interface UsersOptions {
  readonly control: Client
  readonly target: Client
  readonly namespace: string
  readonly now: () => number
  /** Told that a user is about to delete a machine, by its uid, or a node, by its name. */
  readonly onDeletion?: (uidOrNode: string) => void
  /** Told that a user is about to make a machine of that name. */
  readonly onMachine?: (name: string) => void
  /** Told that a user is about to choose a node to be updated in place. */
  readonly onChoice?: (nodeName: string) => void
  /** Whether there is still a server that a node may report from. */
  readonly mayBeReady?: (nodeName: string) => boolean
}

/** One of these, wrapping around. */
export function chosen<Kind>(items: readonly Kind[], pick: number): Kind | undefined {
  return items[pick % Math.max(1, items.length)]
}
