import type { Clock, Timer } from '@trellis/foundation/clock'
import type { Log } from '@trellis/foundation/log'
import type { AnswerListener } from './answers.ts'
import type { ApiServerSafetySettings } from './settings.ts'

/** Knows whether the API servers answer, and asks them only when nothing was heard for a while. */
export interface ApiServerGuard {
  /** Where answers of one server are to be told. */
  listenerFor(server: string): AnswerListener
  /** From now on the server is expected to answer; `ask` is called when nothing was heard of it, and told about as any other call. */
  expect(server: string, ask: () => Promise<unknown>, signal: AbortSignal): void
  /** Why machines must neither be made nor judged now; undefined when they may be. */
  frozen(): string | undefined
  /** When all servers answered again after the last freeze. */
  recoveredAt(): number | undefined
  /** Hears of the end of every freeze. Returns how to stop. */
  onRecovery(listener: () => void): () => void
}

interface Server {
  lastAnswer: number
  /** Since when it has not answered although it was asked. */
  silentSince?: number | undefined
  /** When the question was asked that is still open. */
  askedAt?: number | undefined
  ask?: () => Promise<unknown>
  timer?: Timer
}

/** Questions within one timeout while a server does not answer. */
const questionsPerTimeout = 5

/** Bookmarks of one watch come once a minute or somewhat later: a period of a minute is to fit between two of them. */
const quietShare = 1.25

/** Makes the guard. */
export function createApiServerGuard(
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  { timeoutMilliseconds, periodMilliseconds }: ApiServerSafetySettings,
): ApiServerGuard {
  const servers = new Map<string, Server>()
  const down = new Set<string>()
  const listeners = new Set<() => void>()
  let recoveredAt: number | undefined
  const quietMilliseconds = periodMilliseconds * quietShare
  const pause = Math.max(100, timeoutMilliseconds / questionsPerTimeout)

  const serverOf = (name: string): Server => {
    const known = servers.get(name) ?? { lastAnswer: clock.now() }
    servers.set(name, known)
    return known
  }
  const heard = (name: string, server: Server) => {
    server.lastAnswer = clock.now()
    server.silentSince = undefined
    if (!down.delete(name)) return
    log.info({ server: name }, 'the API server answers again')
    if (down.size > 0) return
    recoveredAt = clock.now()
    for (const listener of listeners) listener()
  }
  const question = (server: Server, ask: () => Promise<unknown>) => {
    server.askedAt = clock.now()
    const answered = () => {
      server.askedAt = undefined
    }
    ask().then(answered, answered)
  }
  const look = (name: string, server: Server) => {
    const now = clock.now()
    if (server.askedAt !== undefined && server.askedAt > server.lastAnswer) server.silentSince ??= server.askedAt
    const { silentSince, ask } = server
    if (silentSince !== undefined && now - silentSince > timeoutMilliseconds && !down.has(name)) {
      down.add(name)
      log.warn({ server: name }, 'the API server does not answer: machines are neither made nor judged')
    }
    const quiet = now - server.lastAnswer >= quietMilliseconds
    if ((quiet || silentSince !== undefined) && server.askedAt === undefined && ask !== undefined) question(server, ask)
    const calm = server.silentSince === undefined && server.askedAt === undefined
    arm(name, server, calm ? server.lastAnswer + quietMilliseconds - clock.now() : pause)
  }
  const arm = (name: string, server: Server, milliseconds: number) => {
    server.timer?.cancel()
    server.timer = clock.setTimer(Math.max(1, milliseconds), () => look(name, server), { unref: true })
  }
  return {
    listenerFor: (name) => {
      const server = serverOf(name)
      return (answered) => {
        if (answered) return heard(name, server)
        if (server.silentSince !== undefined) return
        server.silentSince = clock.now()
        if (server.ask !== undefined) arm(name, server, 1)
      }
    },
    expect: (name, ask, signal) => {
      const server = serverOf(name)
      server.ask = ask
      // One that was asked in vain before anybody expected it to answer is silent since then.
      if (server.silentSince !== undefined) look(name, server)
      else {
        server.lastAnswer = clock.now()
        arm(name, server, quietMilliseconds)
      }
      signal.addEventListener('abort', () => server.timer?.cancel(), { once: true })
    },
    frozen: () =>
      down.size === 0 ? undefined : `the API server of the ${[...down].join(' and the ')} does not answer`,
    recoveredAt: () => recoveredAt,
    onRecovery: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
