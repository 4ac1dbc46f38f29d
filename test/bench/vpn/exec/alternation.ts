import { Failure } from '@trellis/foundation/failure'
import { median, medianRatio, round } from '../../statistics.ts'
import type { Ways } from './direct-way.ts'

/** How long the same took by each way, in milliseconds, in the order in which it was measured. */
export interface Times {
  readonly tunnel: readonly number[]
  readonly direct: readonly number[]
}

/** How the turns are taken. */
export interface Turns {
  readonly ways: Pick<Ways, 'direct' | 'tunnel' | 'directConnections'>
  /** How often each way has its turn. */
  readonly count: number
  /** What is measured. */
  readonly act: () => Promise<unknown>
  /** Milliseconds of a clock that only goes on. */
  readonly now: () => number
  readonly signal: AbortSignal
}

/**
 * Measures by both ways in turns; which is first changes every time, so that what warms up or slows down hits both alike. Ends with the tunnel in use. Throws `Unavailable` when
 * connections did not take the way that they should: then the figures would mean nothing.
 */
export async function alternate(turns: Turns): Promise<Times> {
  const times = { tunnel: [] as number[], direct: [] as number[] }
  for (let turn = 0; turn < turns.count; turn++) {
    const order = turn % 2 === 0 ? (['tunnel', 'direct'] as const) : (['direct', 'tunnel'] as const)
    for (const way of order) times[way].push(await measure(turns, way))
  }
  return times
}

async function measure({ ways, act, now, signal }: Turns, way: keyof Times): Promise<number> {
  signal.throwIfAborted()
  if (way === 'direct') await ways.direct()
  try {
    const before = await ways.directConnections()
    const startedAt = now()
    await act()
    const milliseconds = now() - startedAt
    const carried = (await ways.directConnections()) - before
    if (carried > 0 === (way === 'direct')) return milliseconds
    throw new Failure('Unavailable', `connections did not go by the way ${way}: ${carried} went directly`)
  } finally {
    if (way === 'direct') await ways.tunnel()
  }
}

/** Medians in seconds; the middle of the ratios of neighbours; and, in milliseconds, how the values are spread. */
export function summary({ tunnel, direct }: Times): object {
  return {
    tunnelSeconds: round(median(tunnel) / 1000, 4),
    directSeconds: round(median(direct) / 1000, 4),
    ratio: round(medianRatio(tunnel, direct), 3),
    distribution: { count: tunnel.length, tunnelMs: spread(tunnel), directMs: spread(direct) },
  }
}

function spread(values: readonly number[]): Readonly<Record<string, number>> {
  const sorted = [...values].sort((left, right) => left - right)
  const at = (part: number): number => round(sorted[Math.floor((sorted.length - 1) * part)] ?? Number.NaN, 1)
  return { least: at(0), p10: at(0.1), p25: at(0.25), p50: at(0.5), p75: at(0.75), p90: at(0.9), most: at(1) }
}
