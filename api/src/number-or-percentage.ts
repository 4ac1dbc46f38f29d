const percentagePattern = /^(\d{1,9})%$/

/** The share that `25%` names, as 25; undefined when `value` is a number or no percentage. */
export function percentageOf(value: number | string): number | undefined {
  const match = typeof value === 'string' ? percentagePattern.exec(value) : null
  return match === null ? undefined : Number(match[1])
}

/**
 * The count that a number or percentage of `total` stands for: the number itself, or the share of `total` rounded as told.
 * Undefined when `value` is neither a whole number of at least 0 nor a percentage (text without `%` is refused, as Kubernetes does).
 */
export function countOf(value: number | string, total: number, rounding: 'up' | 'down'): number | undefined {
  if (typeof value === 'number') return Number.isInteger(value) && value >= 0 ? value : undefined
  const share = percentageOf(value)
  if (share === undefined) return undefined
  const product = share * total
  return rounding === 'up' ? Math.ceil(product / 100) : Math.floor(product / 100)
}

/** Bounds of a rollout, in machines. */
export interface RolloutBounds {
  readonly maxSurge: number
  readonly maxUnavailable: number
}

/**
 * How many machines a rollout of `replicas` may add and miss: surge rounds up, unavailable rounds down, and when both come to 0
 * one machine may be missing, so that a rollout always proceeds. Undefined when either is no number or percentage.
 */
export function rolloutBounds(
  maxSurge: number | string,
  maxUnavailable: number | string,
  replicas: number,
): RolloutBounds | undefined {
  const surge = countOf(maxSurge, replicas, 'up')
  const unavailable = countOf(maxUnavailable, replicas, 'down')
  if (surge === undefined || unavailable === undefined) return undefined
  return { maxSurge: surge, maxUnavailable: surge === 0 && unavailable === 0 ? 1 : unavailable }
}
