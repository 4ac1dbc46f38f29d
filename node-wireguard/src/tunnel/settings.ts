import type { Cidr, IpAddress } from '../address.ts'
import type { Endpoint } from '../endpoint.ts'
import type { NetworkMapping } from '../host/configuration.ts'
import type { PresharedKey, PrivateKey, PublicKey } from '../key.ts'
import type { Implementation } from '../link.ts'
import type { RelayTarget } from '../relay/client.ts'
import type { RelayServerOptions } from '../relay/server.ts'

/** One end of a tunnel, ready to be started. */
export interface TunnelSettings {
  /** Names the firewall's table; another tunnel in the same network namespace needs another name. */
  readonly name: string
  /** This end's addresses in the tunnel, whatever link carries: what it sends comes from them, so connections outlive a change of links. */
  readonly tunnelAddresses: readonly IpAddress[]
  /** At least one. Those whose other ends lead to the same networks stand in for each other. */
  readonly links: readonly LinkSettings[]
  /** Networks that are reached through the other ends, by the names they have inside the tunnel. */
  readonly networksBehindPeers: readonly Cidr[]
  /** Networks that this end passes the tunnel's packets on to. */
  readonly forwardTo: readonly Cidr[]
  /** Networks that are called something else inside the tunnel, since both sides have them. */
  readonly translation: TunnelTranslation
  /** Where the other ends may come in inside TLS; left out: nowhere. */
  readonly relay?: Pick<RelayServerOptions, 'listen' | 'identity'> | undefined
  /** Path or name of the program that carries datagrams inside TLS. */
  readonly relayProgram: string
  readonly implementation: Implementation | 'automatic'
  /** Left out: what fits through the interface of the default route, at most 1,420. */
  readonly maximumTransmissionUnit?: number | undefined
  readonly probe: { readonly port: number; readonly intervalMilliseconds: number }
  readonly wireGuardGo: { readonly program: string; readonly memoryLimitMebibytes: number }
}

/** A WireGuard interface with one peer, of its own keys and port. */
export interface LinkSettings {
  readonly interfaceName: string
  readonly privateKey: PrivateKey
  /** UDP port; left out: any free one, for an end that dials. */
  readonly listenPort?: number | undefined
  /** Addresses that only this link has; the first is probed from. */
  readonly addresses: readonly IpAddress[]
  readonly peer: {
    /** What people call the other end. */
    readonly name: string
    readonly publicKey: PublicKey
    readonly presharedKey?: PresharedKey | undefined
    /** Where to dial; left out: the other end dials. */
    readonly endpoint?: Endpoint | undefined
    /** Where the other end is dialled inside TLS when UDP brings no answer; left out: nowhere. */
    readonly fallback?: RelayTarget | undefined
    readonly keepaliveSeconds: number
    /** Addresses that the other end has on this link only; the first is probed. */
    readonly addresses: readonly IpAddress[]
    /** Addresses that the other end has on all its links. */
    readonly tunnelAddresses: readonly IpAddress[]
  }
}

/** Other names of networks, on the side where they are and on the side from which they are reached. */
export interface TunnelTranslation {
  readonly own: readonly NetworkMapping[]
  readonly remote: readonly NetworkMapping[]
  /** Group of the processes that call the other side's networks by their real names; left out: all of this host. */
  readonly groupId?: number | undefined
}

/** What a kind of end decides for itself. */
export interface TunnelRole {
  /** Whether the networks lie behind the other ends (and are routed there) or behind this one (and are passed on to). */
  readonly networksAre: 'behind-peers' | 'here'
  readonly keepaliveSeconds: number
}
