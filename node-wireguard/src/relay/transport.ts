import type { Clock } from '@trellis/foundation/clock'
import { describe } from '@trellis/foundation/failure'
import { childSignal } from '@trellis/foundation/lifetime'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { formatEndpoint, type Resolve, type ResolvedEndpoint } from '../endpoint.ts'
import type { PathEvent } from '../path/state.ts'
import { type RelayClient, type RelayClientState, type RelayTarget, startRelayClient } from './client.ts'
import { decideTransport, freshTransport, type TransportFacts, type TransportWay } from './decide.ts'
import type { LaunchRelay } from './process.ts'

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
/** When no quiet moment comes, the device is pointed straight all the same. */
const pointAgainMilliseconds = 5000
const startAgainMilliseconds = 5000

/**
 * Makes the transport of a link that dials: UDP; inside TLS when probes go unanswered for three seconds; UDP again as soon as that works. A relay program runs only while it
 * is needed. Never throws: a relay that does not start is logged and tried again.
 */
export function createTransport(options: TransportOptions): Transport {
  const { clock, dial, log } = options
  const life = childSignal(new AbortController().signal)
  const relay = createLazyRelay(options, { onUdpWorks, onQuiet })
  let memory = freshTransport(clock.now())
  let unansweredSince: number | undefined
  let udpWorks = false
  let straight = true
  let pointedAt = clock.now()

  const facts = (): TransportFacts => ({
    now: clock.now(),
    unansweredSince,
    relay: relay.connection(),
    udpWorks,
    relayUsedAt: relay.state()?.usedAt,
  })

  function decide(): void {
    if (life.signal.aborted) return
    const before = memory.way
    const decision = decideTransport(memory, facts())
    memory = decision.memory
    relay.want(decision.relayWanted, dial.current())
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
    options
      .pointDevice()
      .catch((error: unknown) => log.warn({ problem: describe(error) }, 'the device was not pointed at its peer'))
  }

  function onUdpWorks(): void {
    udpWorks = true
    decide()
  }

  function onQuiet(): void {
    if (memory.way === 'returning' && !life.signal.aborted) point(true)
  }

  const deciding = repeat(clock, life.signal, decide)
  return {
    current: () => (straight ? dial.current() : (relay.endpoint() ?? dial.current())),
    next: dial.next,
    refresh: dial.refresh,
    onPath: (event) => {
      if (event.kind === 'answered') unansweredSince = undefined
      else unansweredSince ??= clock.now()
    },
    status: () => ({ way: memory.way, since: memory.since, relay: relay.state() }),
    [Symbol.asyncDispose]: async () => {
      life.abort()
      await deciding
      await relay[Symbol.asyncDispose]()
    },
  }
}

/** A relay client that exists only while it is wanted. */
interface LazyRelay extends AsyncDisposable {
  want(wanted: boolean, udpTarget: ResolvedEndpoint | undefined): void
  connection(): TransportFacts['relay']
  endpoint(): ResolvedEndpoint | undefined
  state(): RelayClientState | undefined
  carry(way: 'tls' | 'udp'): void
  tryUdp(everyMilliseconds: number): void
}

function createLazyRelay(
  options: TransportOptions,
  callbacks: { readonly onUdpWorks: () => void; readonly onQuiet: () => void },
): LazyRelay {
  const { clock, log } = options
  let client: RelayClient | undefined
  let target: string | undefined
  let every = 0
  let notBefore = 0
  /** Starts and ends, one after the other. */
  let working: Promise<void> | undefined

  async function start(udpTarget: ResolvedEndpoint | undefined): Promise<void> {
    try {
      client = await startRelayClient({ ...options, ...callbacks, target: options.relay, udpTarget })
      every = 0
    } catch (error) {
      notBefore = clock.now() + startAgainMilliseconds
      log.warn({ problem: describe(error) }, 'the relay does not start')
    }
  }

  async function end(): Promise<void> {
    const ending = client
    client = undefined
    await ending?.[Symbol.asyncDispose]()
  }

  const work = (promise: Promise<void>) => {
    working = promise.finally(() => {
      working = undefined
    })
  }

  return {
    want: (wanted, udpTarget) => {
      if (working !== undefined) return
      const text = udpTarget === undefined ? undefined : formatEndpoint(udpTarget)
      if (!wanted && client !== undefined) work(end())
      else if (wanted && client === undefined && clock.now() >= notBefore) work(start(udpTarget))
      else if (client !== undefined && text !== target) client.setUdpTarget(udpTarget)
      target = text
    },
    connection: () => (client === undefined ? 'absent' : client.state().connected ? 'connected' : 'dialling'),
    endpoint: () => client?.endpoint(),
    state: () => client?.state(),
    carry: (way) => client?.carry(way),
    tryUdp: (everyMilliseconds) => {
      if (client === undefined || everyMilliseconds === every) return
      every = everyMilliseconds
      client.tryUdp(every)
    },
    [Symbol.asyncDispose]: async () => {
      await working
      await end()
    },
  }
}

async function repeat(clock: Clock, signal: AbortSignal, work: () => void): Promise<void> {
  while (!signal.aborted) {
    work()
    await clock.sleep(decideEveryMilliseconds, signal).catch(() => {})
  }
}
