import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '@trellis/foundation/clock'
import { describe } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Configuration } from './read-configuration.ts'

/** What following a configuration takes. */
export interface FollowOptions {
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
  /** What is in force now. */
  readonly first: Configuration
  /** Reads what is there now; throws when it is no configuration. */
  readonly read: () => Promise<Configuration>
  /** Puts a new one in force; when it throws, it is tried again the next time. */
  readonly onChange: (configuration: Configuration) => Promise<void>
}

/** Files in a mounted Secret are replaced by links, which no watch tells about in every container; so they are read. */
const intervalMilliseconds = 2000

/** Reads a configuration again and again until the signal aborts. One that cannot be read or put in force changes nothing, and is said once. */
export async function followConfiguration(options: FollowOptions): Promise<void> {
  const { clock, log, signal } = options
  let current: Configuration = options.first
  let said: string | undefined
  while (!signal.aborted) {
    await clock.sleep(intervalMilliseconds, signal).catch(() => {})
    if (signal.aborted) return
    try {
      const next = await options.read()
      if (!isDeepStrictEqual(next.settings, current.settings)) {
        log.info({ links: next.settings.links.length }, 'the configuration has changed')
        await options.onChange(next)
        current = next
      }
      said = undefined
    } catch (error) {
      const problem = describe(error)
      if (problem !== said) log.warn({ problem }, 'the new configuration is not in force')
      said = problem
    }
  }
}
