import type { Clock } from '@trellis/foundation/clock'
import { childSignal } from '@trellis/foundation/lifetime'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Resolve, ResolvedEndpoint } from '../endpoint.ts'
import type { PathEvent } from '../path/state.ts'
import type { RelayClientState, RelayTarget } from './client.ts'
import type { TransportWay } from './decide.ts'
import { createLazyRelay } from './lazy-relay.ts'
import type { LaunchRelay } from './process.ts'
import { createSteering, type Steering } from './steering.ts'

/** Where UDP leads, as `createDial` keeps it. */
export interface UdpDial {
  current(): ResolvedEndpoint | undefined
  next(): void
  refresh(): Promise<void>
}

/** What a transport takes. */
export interface TransportOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly dial: UdpDial
  readonly relay: RelayTarget
  readonly resolve: Resolve
  /** Path or name of the relay program; `wireguard-relay` unless told. */
  readonly program?: string | undefined
  readonly launch?: LaunchRelay | undefined
  /** Called when the device should be given {@link Transport.current} as its peer's endpoint, without touching the session. */
  readonly pointDevice: () => Promise<void>
}

/** How a link's datagrams travel now. */
export interface TransportStatus {
  readonly way: TransportWay
  /** Instant since which it is so. */
  readonly since: number
  /** The relay, while there is one. */
  readonly relay: RelayClientState | undefined
}

/** One link's way to the other device. It stands in for the `Dial` that it is made with. */
export interface Transport extends UdpDial, AsyncDisposable {
  /** Takes note of a probe of the link. */
  onPath(event: PathEvent): void
  status(): TransportStatus
}

const decideEveryMilliseconds = 250

/**
 * Makes the transport of a link that dials: UDP; inside TLS when probes go unanswered for three seconds; UDP again as soon as that works. A relay program runs only while it
 * is needed. Never throws: a relay that does not start is logged and tried again.
 */
export function createTransport(options: TransportOptions): Transport {
  const { clock, dial } = options
  const life = childSignal(new AbortController().signal)
  const whileAlive = (work: () => void) => () => {
    if (!life.signal.aborted) work()
  }
  const relay = createLazyRelay({
    ...{ ...options, target: options.relay },
    onUdpWorks: whileAlive(() => steering.onUdpWorks()),
    onQuiet: whileAlive(() => steering.onQuiet()),
  })
  const steering: Steering = createSteering({ ...options, relay, udpTarget: dial.current })
  const deciding = repeat(clock, life.signal, steering.decide)
  return {
    current: steering.current,
    next: dial.next,
    refresh: dial.refresh,
    onPath: steering.onPath,
    status: () => {
      const { way, since } = steering.memory()
      return { way, since, relay: relay.state() }
    },
    [Symbol.asyncDispose]: async () => {
      life.abort()
      await deciding
      await relay[Symbol.asyncDispose]()
    },
  }
}

async function repeat(clock: Clock, signal: AbortSignal, work: () => void): Promise<void> {
  while (!signal.aborted) {
    work()
    await clock.sleep(decideEveryMilliseconds, signal).catch(() => {})
  }
}
