import { describe } from '@trellis/foundation/failure'
import { childSignal } from '@trellis/foundation/lifetime'
import type { Log } from '@trellis/foundation/log'

/** Keeps one care session for each shoot. */
export interface Carers {
  /** Starts a session unless one runs for the same identity; another identity replaces it. */
  begin(key: string, identity: string, run: (signal: AbortSignal) => Promise<void>): void
  /** Ends a session and waits for its end; harmless when there is none. */
  end(key: string): Promise<void>
  count(): number
  endAll(): Promise<void>
}

/** Makes the keeper; every session ends when the signal aborts. */
export function createCarers(log: Log, signal: AbortSignal): Carers {
  const sessions = new Map<
    string,
    { readonly identity: string; readonly stop: () => void; readonly ended: Promise<void> }
  >()
  const end = async (key: string) => {
    const session = sessions.get(key)
    sessions.delete(key)
    session?.stop()
    await session?.ended
  }
  return {
    begin: (key, identity, run) => {
      const present = sessions.get(key)
      if (present?.identity === identity) return
      present?.stop()
      const own = childSignal(signal)
      const ended = run(own.signal).catch((error: unknown) => {
        if (!own.signal.aborted) log.error({ key, error: describe(error) }, 'looking after a shoot ended')
        if (sessions.get(key)?.identity === identity) sessions.delete(key)
      })
      sessions.set(key, { identity, stop: own.abort, ended })
    },
    end,
    count: () => sessions.size,
    endAll: async () => {
      await Promise.all([...sessions.keys()].map(end))
    },
  }
}
