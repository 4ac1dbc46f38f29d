import type { PublicKey } from '../key.ts'

/** PEM files of one side of a TLS connection. They are read at each handshake, so a change counts from the next connection on. */
export interface RelayIdentity {
  readonly certificateFile?: string | undefined
  readonly keyFile?: string | undefined
  /** Who signs the other side's certificate. */
  readonly caFile?: string | undefined
}

/** Which way the device's datagrams take: inside TLS, or by the relay's own UDP socket. */
export type RelayWay = 'tls' | 'udp'

/** What a relay client dials. Addresses are `host:port` with brackets around IPv6. */
export interface RelayClientConfiguration extends RelayIdentity {
  /** Tried in turn. */
  readonly addresses: readonly string[]
  /** Goes out with the handshake, and the other side's certificate must be for it. */
  readonly serverName: string
  /** The other side's device. */
  readonly link: PublicKey
  /** Where that device is reached by UDP. */
  readonly udp?: string | undefined
}

/** What a relay server listens on and whom it knows. */
export interface RelayServerConfiguration extends RelayIdentity {
  /** `host:port`; without a host every address of this machine. */
  readonly listen: string
  /** Where the device of each link listens, by its public key. */
  readonly links: Readonly<Record<PublicKey, string>>
}

/** What is told to a relay program. Every field changes what it names. */
export type RelayCommand =
  | {
      readonly configure?: RelayClientConfiguration
      readonly carry?: RelayWay
      /** How often UDP is tried while TLS carries; 0 for never. */
      readonly tryEveryMilliseconds?: number
    }
  | RelayServerConfiguration

const eventNames = [
  'listening',
  'connected',
  'disconnected',
  'udpWorks',
  'quiet',
  'counters',
  'opened',
  'closed',
  'refused',
  'problem',
  'resolved',
] as const

/** What a relay program tells. A client: `listening`, `connected`, `disconnected`, `udpWorks`, `quiet`, `counters`; a server: `listening`, `opened`, `closed`, `refused`, `problem`, `resolved`. */
export interface RelayEvent {
  readonly event: (typeof eventNames)[number]
  readonly address?: string
  readonly link?: string
  /** For people. */
  readonly reason?: string
  /** How many were refused since the last time; the rest of the event is of the last one. */
  readonly count?: number
  readonly sentBytes?: number
  readonly receivedBytes?: number
  readonly dropped?: number
}

/** Reads a line of a relay program; undefined when it is not an event that is known. Never throws. */
export function parseRelayEvent(line: string): RelayEvent | undefined {
  try {
    const event: unknown = JSON.parse(line)
    if (typeof event !== 'object' || event === null || !('event' in event)) return undefined
    return eventNames.some((name) => name === event.event) ? (event as RelayEvent) : undefined
  } catch {
    return undefined
  }
}
