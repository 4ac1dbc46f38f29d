import { Failure } from '@trellis/foundation/failure'
import type { ServerRecord } from './records.ts'
import type { Flavor, Quota } from './schemas.ts'

/** Most of each that all servers together may use. */
export interface Limits {
  readonly servers: number
  readonly cores: number
  readonly memoryBytes: number
}

const gibibyte = 2 ** 30

/** The sizes of servers. Cores are shares of the host's processors, memory is a limit. */
export const flavors: readonly Flavor[] = [
  { name: 'small', cores: 1, memoryBytes: 2 * gibibyte },
  { name: 'medium', cores: 2, memoryBytes: 4 * gibibyte },
  { name: 'large', cores: 4, memoryBytes: 8 * gibibyte },
]

/** The flavor of that name; throws `Invalid` that lists the known ones. */
export function flavorOf(name: string): Flavor {
  const flavor = flavors.find((known) => known.name === name)
  if (flavor !== undefined) return flavor
  throw new Failure('Invalid', `there is no flavor "${name}"`, {
    field: 'flavor',
    remedy: `choose one of ${flavors.map((known) => known.name).join(', ')}`,
  })
}

/** What is used of each limit. A server counts from its creation until its deletion has ended, whatever its state. */
export function usageOf(servers: readonly ServerRecord[], limits: Limits): Quota {
  const sizes = servers.flatMap((server) => flavors.find((flavor) => flavor.name === server.flavor) ?? [])
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
  return {
    servers: { limit: limits.servers, used: servers.length },
    cores: { limit: limits.cores, used: sum(sizes.map((size) => size.cores)) },
    memoryBytes: { limit: limits.memoryBytes, used: sum(sizes.map((size) => size.memoryBytes)) },
  }
}

/** Throws `Exhausted` that names the quota, its limit, what is used and what was asked when one more server of that flavor does not fit. */
export function requireQuota(quota: Quota, flavor: Flavor): void {
  const asked = { servers: 1, cores: flavor.cores, memoryBytes: flavor.memoryBytes }
  const flags = { servers: '--quota-servers', cores: '--quota-cores', memoryBytes: '--quota-memory-bytes' }
  for (const name of ['servers', 'cores', 'memoryBytes'] as const) {
    const { limit, used } = quota[name]
    if (used + asked[name] <= limit) continue
    throw new Failure('Exhausted', `quota ${name} is used up: limit ${limit}, used ${used}, asked ${asked[name]}`, {
      field: 'flavor',
      remedy: `delete servers, choose a smaller flavor, or raise the limit with ${flags[name]}`,
    })
  }
}
