import type { Clock } from '@trellis/foundation/clock'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { formatEndpoint, parseEndpoint } from '../endpoint.ts'
import type { PublicKey } from '../key.ts'
import { loopback } from './loopback.ts'
import type { RelayEvent, RelayIdentity, RelayServerConfiguration } from './messages.ts'
import { type LaunchRelay, startRelayProcess } from './process.ts'

/** What a relay server takes. */
export interface RelayServerOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** `host:port`, or `:port` for every address of this machine. */
  readonly listen: string
  readonly identity: Required<Pick<RelayIdentity, 'certificateFile' | 'keyFile'>> & RelayIdentity
  /** UDP ports of the devices on this machine, by their public keys. */
  readonly links: ReadonlyMap<PublicKey, number>
  /** Path or name of the program; `wireguard-relay` unless told. */
  readonly program?: string | undefined
  readonly launch?: LaunchRelay | undefined
}

/** How a relay server is. */
export interface RelayServerState {
  /** Open connections by the link that they carry. */
  readonly connections: ReadonlyMap<string, number>
  /** How many were turned away. */
  readonly refused: number
  /** Why something of the configuration is not in force; undefined when all is. */
  readonly problem: string | undefined
}

/** A relay beside devices that listen. */
export interface RelayServer extends AsyncDisposable {
  /** TCP port that it listens on. */
  port(): number
  state(): RelayServerState
  /** These are the links from now on. Connections of links that stay live on; those of others end. */
  setLinks(links: ReadonlyMap<PublicKey, number>): void
}

/** Starts a relay server. Resolves when it listens; throws `Unavailable` when it cannot. */
export async function startRelayServer(options: RelayServerOptions): Promise<RelayServer> {
  const { log } = options
  let links = options.links
  let port = 0
  let state: RelayServerState = { connections: new Map(), refused: 0, problem: undefined }

  const configuration = (): RelayServerConfiguration => ({
    ...options.identity,
    listen: options.listen,
    links: Object.fromEntries([...links].map(([key, devicePort]) => [key, formatEndpoint(loopback(devicePort))])),
  })
  const onEvent = (event: RelayEvent) => {
    if (event.event === 'listening' && event.address !== undefined) port = parseEndpoint(event.address).port
    state = serverStateAfter(state, event)
    const { address, link, reason, count } = event
    if (event.event === 'opened') log.info({ address, link }, 'a relay has connected')
    else if (event.event === 'closed') log.info({ address, link, reason }, 'the connection of a relay has ended')
    else if (event.event === 'refused') log.debug({ address, link, reason, count }, 'relays were turned away')
    else if (event.event === 'problem') log.warn({ reason }, 'what the relay was told is not in force')
  }
  const relay = await startRelayProcess({
    ...options,
    args: () => ['server'],
    greeting: () => [configuration()],
    onEvent,
    onEnd: () => {
      state = { ...state, connections: new Map() }
    },
  })
  return {
    port: () => port,
    state: () => state,
    setLinks: (wanted) => {
      links = wanted
      relay.send(configuration())
    },
    [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
  }
}

/** The state after an event of the program. */
export function serverStateAfter(
  state: RelayServerState,
  { event, link = '', reason, count = 1 }: RelayEvent,
): RelayServerState {
  const change = { opened: 1, closed: -1 }[event as 'opened' | 'closed']
  if (change !== undefined) {
    const connections = new Map(state.connections)
    const count = (connections.get(link) ?? 0) + change
    if (count > 0) connections.set(link, count)
    else connections.delete(link)
    return { ...state, connections }
  }
  if (event === 'refused') return { ...state, refused: state.refused + count }
  if (event === 'problem') return { ...state, problem: reason ?? 'unknown' }
  return event === 'listening' || event === 'resolved' ? { ...state, problem: undefined } : state
}
