/** The middle of the values, of an even number of them the upper one of the two; NaN when there are none. */
export function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN
}

/** Rounds to so many digits after the point. */
export function round(value: number, digits = 2): number {
  return Number(value.toFixed(digits))
}

/**
 * The middle of the ratios of values that were measured in the same round: what a host does besides hits both sides of one round alike, so this is steadier than a ratio of
 * medians. Rounds that one side has not had do not count.
 */
export function medianRatio(values: readonly number[], others: readonly number[]): number {
  return median(values.flatMap((value, index) => (others[index] === undefined ? [] : [value / others[index]])))
}

/** Puts results together; objects under the same key are merged, anything else is replaced by the later. */
export function mergeResults(results: readonly object[]): object {
  const merged: Record<string, unknown> = {}
  for (const [key, value] of results.flatMap((result) => Object.entries(result))) {
    const before = merged[key]
    merged[key] = isObject(before) && isObject(value) ? mergeResults([before, value]) : value
  }
  return merged
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
