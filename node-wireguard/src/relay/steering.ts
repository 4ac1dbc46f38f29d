import type { Clock } from '@trellis/foundation/clock'
import { describe } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { ResolvedEndpoint } from '../endpoint.ts'
import type { PathEvent } from '../path/state.ts'
import { decideTransport, freshTransport, type TransportFacts, type TransportMemory } from './decide.ts'
import type { LazyRelay } from './lazy-relay.ts'

/** What steering takes. */
export interface SteeringOptions {
  readonly clock: Clock
  readonly log: Log
  readonly relay: LazyRelay
  /** Where UDP leads. */
  readonly udpTarget: () => ResolvedEndpoint | undefined
  /** Called when the device should be given {@link Steering.current} as its peer's endpoint. */
  readonly pointDevice: () => Promise<void>
}

/** Carries out what is decided about a link's way. */
export interface Steering {
  /** Where the device is to send now. */
  current(): ResolvedEndpoint | undefined
  memory(): TransportMemory
  decide(): void
  /** Takes note of a probe. */
  onPath(event: PathEvent): void
  /** Takes note that the relay has seen UDP work. */
  onUdpWorks(): void
  /** Takes note that nothing passes through the relay just now. */
  onQuiet(): void
}

/** When no quiet moment comes, the device is pointed straight all the same. */
const pointAgainMilliseconds = 5000

/** Makes the steering of one link, which begins with UDP. */
export function createSteering({ clock, log, relay, udpTarget, pointDevice }: SteeringOptions): Steering {
  let memory = freshTransport(clock.now())
  let unansweredSince: number | undefined
  let udpWorks = false
  let straight = true
  let pointedAt = clock.now()

  const facts = (): TransportFacts => ({
    ...{ now: clock.now(), unansweredSince, udpWorks },
    ...{ relay: relay.connection(), relayUsedAt: relay.state()?.usedAt },
  })

  function decide(): void {
    const before = memory.way
    const decision = decideTransport(memory, facts())
    memory = decision.memory
    relay.want(decision.relayWanted, udpTarget())
    relay.tryUdp(decision.tryUdpEveryMilliseconds)
    if (memory.way !== before) changed()
    else if (memory.way === 'returning' && clock.now() - pointedAt >= pointAgainMilliseconds) point(true)
  }

  function changed(): void {
    const { way } = memory
    log.info({ way }, 'the transport of the link has changed')
    relay.carry(way === 'tls' ? 'tls' : 'udp')
    // What TLS has on its way would point the device back: it is pointed straight when that is over.
    if (way === 'returning' && udpWorks) pointedAt = clock.now()
    else if (way !== 'udp') point(way === 'returning')
    udpWorks = false
  }

  function point(toOtherDevice: boolean): void {
    straight = toOtherDevice
    pointedAt = clock.now()
    pointDevice().catch((error: unknown) =>
      log.warn({ problem: describe(error) }, 'the device was not pointed at its peer'),
    )
  }

  return {
    current: () => (straight ? udpTarget() : (relay.endpoint() ?? udpTarget())),
    memory: () => memory,
    decide,
    onPath: ({ kind }) => {
      if (kind === 'answered') unansweredSince = undefined
      else unansweredSince ??= clock.now()
    },
    onUdpWorks: () => {
      udpWorks = true
      decide()
    },
    onQuiet: () => {
      if (memory.way === 'returning') point(true)
    },
  }
}
