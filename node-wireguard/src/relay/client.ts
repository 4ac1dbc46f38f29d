import type { Clock } from '@trellis/foundation/clock'
import { describe } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import {
  type Endpoint,
  formatEndpoint,
  parseResolvedEndpoint,
  type Resolve,
  type ResolvedEndpoint,
  resolveEndpoint,
} from '../endpoint.ts'
import type { PublicKey } from '../key.ts'
import { loopback } from './loopback.ts'
import type { RelayClientConfiguration, RelayEvent, RelayIdentity, RelayWay } from './messages.ts'
import { type LaunchRelay, startRelayProcess } from './process.ts'

/** The other side's relay. */
export interface RelayTarget extends RelayIdentity {
  readonly endpoint: Endpoint
  /** Goes out with the handshake, so a front door can route by it; the other side's certificate must be for it. */
  readonly serverName: string
  /** Public key of the device behind that relay. */
  readonly link: PublicKey
}

/** What a relay client takes. */
export interface RelayClientOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly target: RelayTarget
  /** Where the other device is reached by UDP; without it UDP is never tried. */
  readonly udpTarget?: ResolvedEndpoint | undefined
  readonly resolve: Resolve
  /** Path or name of the program; `wireguard-relay` unless told. */
  readonly program?: string | undefined
  readonly launch?: LaunchRelay | undefined
  /** Something came back by UDP while TLS carried: UDP works both ways. */
  readonly onUdpWorks?: () => void
  /** While the relay carries by UDP: nothing is on its way through it now. */
  readonly onQuiet?: () => void
}

/** How a relay client is. */
export interface RelayClientState {
  readonly connected: boolean
  /** Instant of the last change of `connected`. */
  readonly since: number
  /** Why there is no connection; undefined when there is one. */
  readonly reason: string | undefined
  /** Bytes from and to the device, since the program began, as of two seconds ago at most. */
  readonly sentBytes: number
  readonly receivedBytes: number
  /** Datagrams of the device that were not carried: no connection, or one that is too slow. */
  readonly dropped: number
  /** Instant at which counters last moved. */
  readonly usedAt: number
}

/** A relay beside a device that dials. */
export interface RelayClient extends AsyncDisposable {
  /** What the device is told as its peer's endpoint, on this machine; stays the same when the program has to be started again, unless somebody takes the port meanwhile. */
  endpoint(): ResolvedEndpoint
  state(): RelayClientState
  carry(way: RelayWay): void
  /** How often UDP is tried while TLS carries; 0 for never. */
  tryUdp(everyMilliseconds: number): void
  /** UDP leads to another address now. */
  setUdpTarget(target: ResolvedEndpoint | undefined): void
}

/**
 * Starts a relay client, which keeps a connection to the target from then on. Resolves when the device may be pointed at it, connected or not.
 * Throws `Unavailable` when the program does not start.
 */
export async function startRelayClient(options: RelayClientOptions): Promise<RelayClient> {
  let way: RelayWay = 'tls'
  let tryEveryMilliseconds = 0
  let udpTarget = options.udpTarget
  let addresses = await lookUp(options)
  const told = createReport(options, () => void lookAgain())

  const configuration = () => configurationOf(options.target, addresses, udpTarget)
  async function lookAgain(): Promise<void> {
    const found = await lookUp(options)
    if (found.length === 0 || String(found) === String(addresses)) return
    addresses = found
    relay.send({ configure: configuration() })
  }

  const relay = await startRelayProcess({
    ...options,
    args: () => ['client', String(told.endpoint().port)],
    greeting: () => [{ configure: configuration(), carry: way, tryEveryMilliseconds }],
    onEvent: told.onEvent,
    onEnd: told.onEnd,
  })
  return {
    endpoint: told.endpoint,
    state: told.state,
    carry: (wanted) => {
      way = wanted
      relay.send({ carry: way })
    },
    tryUdp: (everyMilliseconds) => {
      tryEveryMilliseconds = everyMilliseconds
      relay.send({ tryEveryMilliseconds })
    },
    setUdpTarget: (wanted) => {
      udpTarget = wanted
      relay.send({ configure: configuration() })
    },
    [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
  }
}

/** What a program has told so far. */
interface Report {
  state(): RelayClientState
  endpoint(): ResolvedEndpoint
  onEvent(event: RelayEvent): void
  /** Takes note that the program has ended. */
  onEnd(): void
}

function createReport({ clock, log, onUdpWorks, onQuiet }: RelayClientOptions, onDisconnect: () => void): Report {
  let endpoint = loopback(0)
  let state: RelayClientState = {
    ...{ connected: false, since: clock.now(), reason: 'it has just begun', usedAt: clock.now() },
    ...{ sentBytes: 0, receivedBytes: 0, dropped: 0 },
  }
  const connection = (connected: boolean, reason?: string) => {
    const changed = connected !== state.connected
    if (changed) log.info({ connected, reason }, 'the connection of the relay has changed')
    state = { ...state, connected, reason, since: changed ? clock.now() : state.since }
  }
  return {
    state: () => state,
    endpoint: () => endpoint,
    onEvent: (event) => {
      if (event.event === 'listening' && event.address !== undefined) endpoint = parseResolvedEndpoint(event.address)
      else if (event.event === 'connected') connection(true)
      else if (event.event === 'disconnected') {
        connection(false, event.reason)
        onDisconnect()
      } else if (event.event === 'udpWorks') onUdpWorks?.()
      else if (event.event === 'quiet') onQuiet?.()
      else if (event.event === 'counters') state = counted(state, event, clock.now())
    },
    onEnd: () => connection(false, 'the program ended'),
  }
}

function configurationOf(
  target: RelayTarget,
  addresses: readonly string[],
  udpTarget: ResolvedEndpoint | undefined,
): RelayClientConfiguration {
  const { certificateFile, keyFile, caFile, serverName, link } = target
  const udp = udpTarget === undefined ? undefined : formatEndpoint(udpTarget)
  return { certificateFile, keyFile, caFile, addresses, serverName, link, udp }
}

function counted(state: RelayClientState, event: RelayEvent, now: number): RelayClientState {
  const { sentBytes = 0, receivedBytes = 0, dropped = 0 } = event
  return { ...state, sentBytes, receivedBytes, dropped, usedAt: now }
}

/** The addresses to dial; none when the name does not resolve now. */
async function lookUp({ target, resolve, log }: RelayClientOptions): Promise<readonly string[]> {
  try {
    return (await resolveEndpoint(target.endpoint, resolve)).map(formatEndpoint)
  } catch (error) {
    log.warn({ problem: describe(error) }, 'the name of the relay does not resolve')
    return []
  }
}
