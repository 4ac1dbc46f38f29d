import type { HostConfiguration } from '../host/configuration.ts'
import type { PathState } from '../path/state.ts'

/** What is known of two links at one instant, while one takes over from the other. */
export interface SuccessionFacts {
  readonly now: number
  readonly startedAt: number
  /** When the routes moved to the new link; undefined while the old one carries. */
  readonly movedAt: number | undefined
  /** Probes through the new link, whichever link carries. */
  readonly newPath: PathState
  /** When data last came in by the old link; undefined when none has since the routes moved. */
  readonly oldHeardAt: number | undefined
}

/** What to do next. `retire`: the old link is not needed any more. `give-up`: the new one never came up, and the old one stays. */
export type SuccessionStep = 'wait' | 'move' | 'move-back' | 'retire' | 'give-up'

/** How patient a succession is, in milliseconds. */
export interface SuccessionLimits {
  /** How long the new link may take to come up. */
  readonly deadlineMilliseconds: number
  /** How long the old link must be silent, and stays at least, after the routes have moved: the other end moves in its own time. */
  readonly drainMilliseconds: number
}

/** Thirty seconds to come up, ten to fall silent. */
export const usualLimits: SuccessionLimits = { deadlineMilliseconds: 30_000, drainMilliseconds: 10_000 }

/** How many questions in a row must have been answered before anything is sent through a new link. */
const steadyAnswers = 5
/** What a device sends by itself to keep a session: nothing that anybody waits for. */
const keepaliveBytes = 32

/** Decides from facts alone. Make before break: nothing moves to a link that does not answer steadily, and no link goes that is still used. */
export function decideSuccession(facts: SuccessionFacts, limits: SuccessionLimits): SuccessionStep {
  const { now, startedAt, movedAt, newPath, oldHeardAt } = facts
  if (movedAt === undefined) {
    if (isSteady(newPath)) return 'move'
    return now - startedAt >= limits.deadlineMilliseconds ? 'give-up' : 'wait'
  }
  if (!newPath.up) return 'move-back'
  const silentFor = now - Math.max(movedAt, oldHeardAt ?? movedAt)
  return silentFor >= limits.drainMilliseconds ? 'retire' : 'wait'
}

/** Whether what came in between two looks at a link was more than a device sends by itself. */
export function isData(receivedBytesBefore: number, receivedBytesNow: number): boolean {
  return receivedBytesNow - receivedBytesBefore > keepaliveBytes
}

/**
 * The same host with another link in front: routes that name no link follow it, those that name one stay. Throws nothing; a name that is not
 * among the links changes nothing.
 */
export function carriedBy(configuration: HostConfiguration, interfaceName: string): HostConfiguration {
  const isCarrier = (link: { readonly interfaceName: string }) => link.interfaceName === interfaceName
  const { links } = configuration
  return { ...configuration, links: [...links.filter(isCarrier), ...links.filter((link) => !isCarrier(link))] }
}

/** The same host without one of its links and without the routes that name it. */
export function without(configuration: HostConfiguration, interfaceName: string): HostConfiguration {
  return {
    ...configuration,
    links: configuration.links.filter((link) => link.interfaceName !== interfaceName),
    routes: configuration.routes.filter((route) => route.interfaceName !== interfaceName),
  }
}

function isSteady({ up, missedInRow, window }: PathState): boolean {
  // The question asked last is still open.
  const closed = window.filter((entry, index) => entry.answered || index < window.length - 1).slice(-steadyAnswers)
  return up && missedInRow === 0 && closed.length === steadyAnswers && closed.every(({ answered }) => answered)
}
