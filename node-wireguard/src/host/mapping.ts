import { Failure } from '@trellis/foundation/failure'
import { addressSpan, type Cidr, familyOf, overlap, subnetAt } from '../address.ts'
import type { NetworkMapping } from './configuration.ts'

/**
 * Gives each network another name of the same length out of a pool of the same family, largest first, so that as little as possible of a pool is
 * lost. The same networks and pools always give the same names, so two ends that know both agree without talking; the order of the networks does not matter.
 * Names overlap with nothing in `taken`. Throws `Invalid` with field `networks` when a pool does not suffice.
 */
export function mapNetworks(options: {
  readonly networks: readonly Cidr[]
  readonly pools: readonly Cidr[]
  readonly taken?: readonly Cidr[]
}): readonly NetworkMapping[] {
  const taken = [...(options.taken ?? [])]
  const ordered = [...new Set(options.networks)].sort(
    (a, b) => addressSpan(a).length - addressSpan(b).length || (a < b ? -1 : 1),
  )
  return ordered.map((real) => {
    const mapped = firstFree(real, options.pools, taken)
    taken.push(mapped)
    return { real, mapped }
  })
}

function firstFree(real: Cidr, pools: readonly Cidr[], taken: readonly Cidr[]): Cidr {
  const { length } = addressSpan(real)
  for (const pool of pools.filter((each) => familyOf(each) === familyOf(real))) {
    if (addressSpan(pool).length > length) continue
    const { first, last, bits } = addressSpan(pool)
    const size = 1n << BigInt(bits - length)
    let start = first
    while (start <= last) {
      const candidate = subnetAt(pool, start, length)
      const obstacles = taken.filter((other) => overlap(other, candidate)).map((other) => addressSpan(other).last)
      if (obstacles.length === 0) return candidate
      // Behind the farthest obstacle, at the next place where a network of this length can begin.
      const end = obstacles.reduce((farthest, each) => (each > farthest ? each : farthest), start)
      start = (end / size + 1n) * size
    }
  }
  throw new Failure('Invalid', `there is no room for another name of ${real}`, {
    field: 'networks',
    remedy: `give a larger pool of ${familyOf(real) === 6 ? 'IPv6' : 'IPv4'} addresses that nobody uses`,
  })
}
