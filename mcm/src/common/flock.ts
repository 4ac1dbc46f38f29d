/** Shortest and longest pause. */
const shortest = 100
const longest = 1000

/**
 * How long an owner of that many machines waits for the rest of a flock before it counts them: machines change in flocks, and counting
 * looks at each. Growing with their number, it keeps the cost of a machine's change the same however many siblings it has.
 */
export function flockMilliseconds(machines: number): number {
  return Math.min(longest, Math.max(shortest, machines / 5))
}
