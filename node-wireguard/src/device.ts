import type { Cidr } from './address.ts'
import type { ResolvedEndpoint } from './endpoint.ts'
import type { PresharedKey, PrivateKey, PublicKey } from './key.ts'

/** What a device should be. A field left out is left as it is on the device, except where its comment says otherwise. */
export interface DeviceConfiguration {
  readonly privateKey: PrivateKey
  /** UDP port; left out: whatever the device picked. */
  readonly listenPort?: number | undefined
  /** Mark on outgoing packets; 0 for none. */
  readonly firewallMark?: number | undefined
  /** The whole set: peers that are not here are removed. */
  readonly peers: readonly PeerConfiguration[]
}

/** What one peer should be. */
export interface PeerConfiguration {
  readonly publicKey: PublicKey
  /** Left out: none, and one that is set is removed. */
  readonly presharedKey?: PresharedKey | undefined
  /** Left out: the peer dials us, and the address that the device has learned is never touched. */
  readonly endpoint?: ResolvedEndpoint | undefined
  /** Left out: none. */
  readonly persistentKeepaliveSeconds?: number | undefined
  /** The whole set of networks that this peer may send from and is sent to. */
  readonly allowedAddresses: readonly Cidr[]
}

/** What a device says it is. */
export interface DeviceState {
  readonly privateKey?: PrivateKey | undefined
  readonly publicKey?: PublicKey | undefined
  /** 0 while the device has no socket. */
  readonly listenPort: number
  readonly firewallMark: number
  readonly peers: readonly PeerState[]
}

/** What a device says of a peer. */
export interface PeerState {
  readonly publicKey: PublicKey
  readonly presharedKey?: PresharedKey | undefined
  /** Configured or learned: the address that the peer was last heard from. */
  readonly endpoint?: ResolvedEndpoint | undefined
  readonly persistentKeepaliveSeconds: number
  readonly allowedAddresses: readonly Cidr[]
  /** Instant of the last completed handshake in milliseconds since the epoch; undefined when there was none. */
  readonly latestHandshake?: number | undefined
  readonly receivedBytes: number
  readonly sentBytes: number
}

/** One change of a device. */
export type Operation =
  | { readonly kind: 'set-private-key'; readonly privateKey: PrivateKey }
  | { readonly kind: 'set-listen-port'; readonly listenPort: number }
  | { readonly kind: 'set-firewall-mark'; readonly firewallMark: number }
  | { readonly kind: 'remove-peer'; readonly publicKey: PublicKey }
  | { readonly kind: 'add-peer'; readonly peer: PeerConfiguration }
  | ({ readonly kind: 'change-peer'; readonly publicKey: PublicKey } & PeerChange)

/** What changes about a peer; a field left out stays. */
export interface PeerChange {
  readonly presharedKey?: PresharedKey | 'none'
  readonly endpoint?: ResolvedEndpoint
  readonly persistentKeepaliveSeconds?: number
  readonly allowedAddresses?: {
    /** The whole new set. */
    readonly all: readonly Cidr[]
    /** What is new in it. */
    readonly added: readonly Cidr[]
    /** Whether something has to go, so that the set must be replaced. */
    readonly replace: boolean
  }
}

/** What applying a configuration came down to: kinds and peers only, never a secret. */
export interface Applied {
  readonly changes: readonly { readonly kind: Operation['kind']; readonly publicKey?: PublicKey }[]
}

/** A WireGuard device, whoever implements it. */
export interface WireGuardDevice {
  /** The present state. Throws `NotFound` when there is no such device, `Unavailable` when it does not answer. */
  read(): Promise<DeviceState>
  /**
   * Makes the device what the configuration says with the fewest changes: what is right already is not sent, so sessions of
   * unchanged peers live on and a repeat changes nothing. Throws `Invalid` when the configuration contradicts itself, `Conflict` (or `Unavailable`, from an
   * implementation that does not say why) when the port is taken.
   * After a failure part of the changes may have been made; repeating is always right.
   */
  apply(configuration: DeviceConfiguration): Promise<Applied>
}
