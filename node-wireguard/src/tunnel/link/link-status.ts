import { formatEndpoint } from '../../endpoint.ts'
import { publicKeyOf } from '../../key.ts'
import type { Implementation } from '../../link.ts'
import { lossRatio, type PathState } from '../../path/state.ts'
import type { LinkSettings } from '../settings.ts'
import { type Diagnosis, diagnose } from './diagnosis.ts'
import type { Observation } from './observation.ts'
import type { TransportName } from './way.ts'

/** A link as people and programs see it. No secret is in it. */
export interface LinkStatus {
  readonly interface: string
  /** What people call the other end. */
  readonly peer: string
  readonly implementation: Implementation
  readonly role: 'dialer' | 'listener'
  readonly publicKey: string
  readonly peerPublicKey: string
  /** Where the peer was last heard from or is dialled. */
  readonly endpoint: string | undefined
  /** How datagrams travel: straight by UDP, or inside TLS. */
  readonly transport: TransportName
  /** Whether the device is set up. */
  readonly configured: boolean
  /** Whether the other end answers by this link. */
  readonly up: boolean
  /** Whether something leads through this link now. */
  readonly carries: boolean
  /** Whether the configuration has it no longer, or the other end is about to stop. */
  readonly outgoing: boolean
  readonly reason: Diagnosis['reason']
  readonly explanation: string
  /** RFC 3339. */
  readonly lastHandshake: string | undefined
  readonly rxBytes: number
  readonly txBytes: number
  readonly rttMilliseconds: number | undefined
  readonly lossRatio: number
  readonly mtu: number
  /** How often the other end ceased to answer. */
  readonly outages: number
  /** How often the peer was added anew because probes went unanswered. */
  readonly repairs: number
  /** How often wireguard-go was started again. */
  readonly restarts: number
}

/** What a link's status is made from. */
export interface LinkStatusSources {
  readonly settings: LinkSettings
  readonly implementation: Implementation
  readonly maximumTransmissionUnit: number
  readonly path: PathState
  readonly observation: Observation
  readonly problem: string | undefined
  readonly endpointKnown: boolean
  /** By which transport this end dials; undefined when it does not dial. */
  readonly dialsBy: TransportName | undefined
  readonly carries: boolean
  readonly outgoing: boolean
  readonly outages: number
  readonly repairs: number
  readonly restarts: number
}

/** Whether this end of a link dials or waits. */
export function roleOf(settings: LinkSettings): 'dialer' | 'listener' {
  return settings.peer.endpoint === undefined ? 'listener' : 'dialer'
}

/** An end that waits hears from a relay on its own machine what comes in inside TLS. */
function isLoopback(host: string): boolean {
  return host === '::1' || host.startsWith('127.')
}

/** Puts a link's status together. */
export function linkStatusOf(sources: LinkStatusSources): LinkStatus {
  const { settings, path, observation, problem } = sources
  const { endpoint, latestHandshake, sinceDown } = observation
  const diagnosis = diagnose({
    problem,
    pathUp: path.up,
    role: roleOf(settings),
    endpointKnown: sources.endpointKnown,
    receivedBytesSinceUp: observation.receivedBytes - (sinceDown?.receivedBytes ?? observation.receivedBytes),
    handshakeSinceUp: (latestHandshake ?? 0) > (sinceDown?.latestHandshake ?? 0),
  })
  return {
    interface: settings.interfaceName,
    peer: settings.peer.name,
    implementation: sources.implementation,
    role: roleOf(settings),
    publicKey: publicKeyOf(settings.privateKey),
    peerPublicKey: settings.peer.publicKey,
    endpoint: endpoint === undefined ? undefined : formatEndpoint(endpoint),
    transport: sources.dialsBy ?? (endpoint !== undefined && isLoopback(endpoint.host) ? 'tls' : 'udp'),
    configured: problem === undefined,
    up: path.up,
    carries: sources.carries,
    outgoing: sources.outgoing,
    ...diagnosis,
    lastHandshake: latestHandshake === undefined ? undefined : new Date(latestHandshake).toISOString(),
    rxBytes: observation.receivedBytes,
    txBytes: observation.sentBytes,
    rttMilliseconds: path.roundTripMilliseconds,
    lossRatio: lossRatio(path),
    mtu: sources.maximumTransmissionUnit,
    outages: sources.outages,
    repairs: sources.repairs,
    restarts: sources.restarts,
  }
}
