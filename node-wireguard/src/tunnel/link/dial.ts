import { describe } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import { type Cidr, contains, hostCidr } from '../../address.ts'
import { type Endpoint, type Resolve, type ResolvedEndpoint, resolveEndpoint } from '../../endpoint.ts'

/** The addresses behind the name that this end dials. */
export interface Dial {
  /** Where to dial now; undefined when this end does not dial or the name has never resolved. */
  current(): ResolvedEndpoint | undefined
  /** Turns to the next address and looks the name up again, without waiting for the answer: it counts from the next time on. */
  next(): void
  /** Looks the name up; keeps what was known when that fails. */
  refresh(): Promise<void>
}

/** Keeps track of an endpoint whose addresses may change. Addresses in `behindTunnel` are passed over: dialling them would lead the tunnel into itself. */
export function createDial(
  endpoint: Endpoint | undefined,
  behindTunnel: readonly Cidr[],
  resolve: Resolve,
  log: Log,
): Dial {
  let addresses: readonly ResolvedEndpoint[] = []
  let index = 0
  let looking: Promise<void> | undefined

  async function look(): Promise<void> {
    if (endpoint === undefined) return
    try {
      const all = await resolveEndpoint(endpoint, resolve)
      addresses = all.filter(({ host }) => !behindTunnel.some((cidr) => contains(cidr, hostCidr(host))))
    } catch (error) {
      log.warn({ host: endpoint.host, problem: describe(error) }, 'the name to dial does not resolve')
    }
  }

  const refresh = () => {
    looking ??= look().finally(() => {
      looking = undefined
    })
    return looking
  }
  return {
    current: () => addresses[index % Math.max(addresses.length, 1)],
    next: () => {
      index++
      void refresh()
    },
    refresh,
  }
}
