import type { Clock } from '@trellis/foundation/clock'

/** Which names of servers a cluster has, as of some seconds ago. */
export interface Presence {
  /** Whether a server of that name may be there; `false` is at most {@link believedMilliseconds} old. */
  mayExist(name: string, signal?: AbortSignal): Promise<boolean>
  /** A server of that name was made. */
  add(name: string): void
}

/**
 * How long the absence of a name is believed. A server that another process made meanwhile is not doubled for that: it was made with the machine's client token,
 * which gives the same server to whoever comes with it again. The token alone would not do: servers that others made have none, and EC2 forgets tokens in the end.
 */
export const believedMilliseconds = 30_000

/** Asks once for all names, however many are asked for. */
export function createPresence({ clock }: { readonly clock: Clock }, list: () => Promise<readonly string[]>): Presence {
  let listed: { readonly at: number; readonly names: Promise<Set<string>> } | undefined
  const recent = (): Promise<Set<string>> => {
    if (listed === undefined || clock.now() - listed.at > believedMilliseconds) {
      const names = list().then((found) => new Set(found))
      const fresh = { at: clock.now(), names }
      listed = fresh
      names.catch(() => {
        if (listed === fresh) listed = undefined
      })
    }
    return listed.names
  }
  return {
    mayExist: async (name, signal) => {
      signal?.throwIfAborted()
      const names = await recent()
      signal?.throwIfAborted()
      return names.has(name)
    },
    add: (name) => void listed?.names.then((names) => names.add(name)).catch(() => {}),
  }
}
