/** What is known about a unit's health. */
export interface UnitHealth {
  /** Consecutive times that the unit did not answer. */
  readonly misses: number
  /** Restarts that have not yet been followed by a calm time. */
  readonly restarts: number
  readonly lastRestartAt: number | undefined
}

/** A unit of which nothing bad is known. */
export const wellUnit: UnitHealth = { misses: 0, restarts: 0, lastRestartAt: undefined }

/** How patient the agent is with a unit. */
export interface HealthLimits {
  readonly missesBeforeRestart: number
  /** Least time between two restarts; doubles with each up to the longest. */
  readonly firstPauseMilliseconds: number
  readonly longestPauseMilliseconds: number
  /** A unit that was well for so long after a restart has its past forgiven. */
  readonly calmMilliseconds: number
}

/** The limits that the agent uses: systemd sees to units that end, so these are for units that hang. */
export const healthLimits: HealthLimits = {
  missesBeforeRestart: 3,
  firstPauseMilliseconds: 60_000,
  longestPauseMilliseconds: 600_000,
  calmMilliseconds: 600_000,
}

/** What follows from one look at a unit. */
export interface HealthDecision {
  readonly next: UnitHealth
  readonly restart: boolean
}

/** Decides whether a unit that answered, or did not, is to be restarted now. */
export function decideHealth(
  health: UnitHealth,
  answered: boolean,
  now: number,
  limits: HealthLimits = healthLimits,
): HealthDecision {
  const sinceRestart = health.lastRestartAt === undefined ? Number.POSITIVE_INFINITY : now - health.lastRestartAt
  if (answered) {
    const forgiven = sinceRestart >= limits.calmMilliseconds
    return { next: forgiven ? wellUnit : { ...health, misses: 0 }, restart: false }
  }
  const misses = health.misses + 1
  const growth = 2 ** Math.min(Math.max(health.restarts - 1, 0), 32)
  const pause = Math.min(limits.firstPauseMilliseconds * growth, limits.longestPauseMilliseconds)
  if (misses < limits.missesBeforeRestart || sinceRestart < pause)
    return { next: { ...health, misses }, restart: false }
  return { next: { misses: 0, restarts: health.restarts + 1, lastRestartAt: now }, restart: true }
}
