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
  /** Changes whenever what a configuration was read from has changed. */
  readonly fingerprint: (configuration: Configuration) => Promise<string>
  /** Reads what is there now; throws when it is no configuration. */
  readonly read: () => Promise<Configuration>
  /** Puts a new one in force; when it throws, it is tried again the next time. */
  readonly onChange: (configuration: Configuration) => Promise<void>
}

/** Files in a mounted Secret are replaced by links, which no watch tells about in every container; so they are looked at. */
const intervalMilliseconds = 2000

/** Reads a configuration again whenever it has changed, until the signal aborts. One that cannot be read or put in force changes nothing, is said once and tried again. */
export async function followConfiguration(options: FollowOptions): Promise<void> {
  const { clock, log, signal } = options
  let current: Configuration = options.first
  let said: string | undefined
  // Undefined: what is there is to be read, whether it has changed or not.
  let seen: string | undefined
  while (!signal.aborted) {
    await clock.sleep(intervalMilliseconds, signal).catch(() => {})
    if (signal.aborted) return
    try {
      const fingerprint = await options.fingerprint(current)
      if (fingerprint === seen) continue
      seen = undefined
      const next = await options.read()
      if (!isDeepStrictEqual(next.settings, current.settings)) {
        log.info({ links: next.settings.links.length }, 'the configuration has changed')
        await options.onChange(next)
        current = next
      }
      // Files may have changed while they were read: then they are read once more.
      seen = (await options.fingerprint(current)) === fingerprint ? fingerprint : undefined
      said = undefined
    } catch (error) {
      const problem = describe(error)
      if (problem !== said) log.warn({ problem }, 'the new configuration is not in force')
      said = problem
    }
  }
}
