import type { Clock } from '@trellis/foundation/clock'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Resolve, ResolvedEndpoint } from '../../endpoint.ts'
import type { PathEvent } from '../../path/state.ts'
import { createTransport } from '../../relay/transport.ts'
import type { LinkSettings, TunnelSettings } from '../settings.ts'
import { createDial } from './dial.ts'

/** How a link's datagrams travel: straight by UDP, or inside TLS. */
export type TransportName = 'udp' | 'tls'

/** Where a link's device finds the other end now. */
export interface LinkWay extends AsyncDisposable {
  /** What the device is to dial; undefined when this end does not dial or the name has never resolved. */
  current(): ResolvedEndpoint | undefined
  /** Turns to the next address of the name. */
  next(): void
  refresh(): Promise<void>
  /** Takes note of a probe. */
  onPath(event: PathEvent): void
  /** By which transport this end dials; undefined when it does not dial. */
  transport(): TransportName | undefined
}

/** What a way takes. */
export interface LinkWayOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly resolve: Resolve
  readonly settings: TunnelSettings
  readonly link: LinkSettings
  /** Called when the device should be given what is to be dialled now, without touching the session. */
  readonly pointDevice: () => Promise<void>
}

/** Makes the way of a link: by UDP, and where the configuration has a fallback, inside TLS for as long as UDP brings no answer. */
export function createLinkWay(options: LinkWayOptions): LinkWay {
  const { settings, link, resolve, log } = options
  const { endpoint, fallback } = link.peer
  const dial = createDial(endpoint, settings.networksBehindPeers, resolve, log)
  if (fallback === undefined) {
    return {
      ...dial,
      onPath: () => {},
      transport: () => (endpoint === undefined ? undefined : 'udp'),
      [Symbol.asyncDispose]: async () => {},
    }
  }
  const transport = createTransport({ ...options, dial, relay: fallback, program: settings.relayProgram })
  return { ...transport, transport: () => (transport.status().way === 'tls' ? 'tls' : 'udp') }
}
