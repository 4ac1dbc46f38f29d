import { Failure } from '@trellis/foundation/failure'
import type { DeviceState, Operation, PeerChange, PeerState, WireGuardDevice } from '../src/device.ts'
import { appliedOf, difference } from '../src/difference.ts'
import { publicKeyOf } from '../src/key.ts'

/** A device in memory that behaves as the kernel's does. */
export interface MemoryDevice extends WireGuardDevice {
  /** Every operation it was given, in order; a test may empty it. */
  readonly operations: Operation[]
  /** Replaces a peer's state, as traffic would. */
  hear(publicKey: PeerState['publicKey'], change: Partial<PeerState>): void
  /** Forgets everything, as a restarted process does. */
  forget(): void
}

const blank: DeviceState = { listenPort: 0, firewallMark: 0, peers: [] }

/** Makes a device without configuration. Ports in `takenPorts` belong to somebody else. */
export function createMemoryDevice(takenPorts: readonly number[] = []): MemoryDevice {
  const operations: Operation[] = []
  let state = blank
  return {
    operations,
    read: async () => state,
    apply: async (configuration) => {
      const needed = difference(state, configuration)
      for (const operation of needed) {
        if (operation.kind === 'set-listen-port' && takenPorts.includes(operation.listenPort))
          throw new Failure('Conflict', 'the port is in use', { field: 'listenPort' })
        operations.push(operation)
        state = after(state, operation)
      }
      return appliedOf(needed)
    },
    hear: (publicKey, change) => {
      const peers = state.peers.map((peer) => (peer.publicKey === publicKey ? { ...peer, ...change } : peer))
      state = { ...state, peers }
    },
    forget: () => {
      state = blank
    },
  }
}

/** The state after an operation, by the rules of the protocol. */
export function after(state: DeviceState, operation: Operation): DeviceState {
  switch (operation.kind) {
    case 'set-private-key':
      return { ...state, privateKey: operation.privateKey, publicKey: publicKeyOf(operation.privateKey) }
    case 'set-listen-port':
      return { ...state, listenPort: operation.listenPort }
    case 'set-firewall-mark':
      return { ...state, firewallMark: operation.firewallMark }
    case 'remove-peer':
      return { ...state, peers: state.peers.filter((peer) => peer.publicKey !== operation.publicKey) }
    case 'add-peer': {
      const { publicKey, allowedAddresses, ...change } = operation.peer
      const added: PeerState = {
        publicKey,
        persistentKeepaliveSeconds: 0,
        allowedAddresses: [],
        receivedBytes: 0,
        sentBytes: 0,
      }
      const whole: PeerChange = {
        ...(change.presharedKey === undefined ? {} : { presharedKey: change.presharedKey }),
        ...(change.endpoint === undefined ? {} : { endpoint: change.endpoint }),
        persistentKeepaliveSeconds: change.persistentKeepaliveSeconds ?? 0,
        allowedAddresses: { all: allowedAddresses, added: allowedAddresses, replace: true },
      }
      return changePeer({ ...state, peers: [...state.peers, added] }, publicKey, whole)
    }
    case 'change-peer':
      return changePeer(state, operation.publicKey, operation)
  }
}

function changePeer(state: DeviceState, publicKey: PeerState['publicKey'], change: PeerChange): DeviceState {
  const { allowedAddresses } = change
  const gained =
    allowedAddresses === undefined ? [] : allowedAddresses.replace ? allowedAddresses.all : allowedAddresses.added
  const peers = state.peers.map((peer): PeerState => {
    // A network belongs to one peer: whoever is given it takes it from the other.
    if (peer.publicKey !== publicKey)
      return { ...peer, allowedAddresses: peer.allowedAddresses.filter((cidr) => !gained.includes(cidr)) }
    const kept = allowedAddresses?.replace ? [] : peer.allowedAddresses
    return {
      ...peer,
      ...(change.presharedKey === undefined
        ? {}
        : { presharedKey: change.presharedKey === 'none' ? undefined : change.presharedKey }),
      ...(change.endpoint === undefined ? {} : { endpoint: change.endpoint }),
      ...(change.persistentKeepaliveSeconds === undefined
        ? {}
        : { persistentKeepaliveSeconds: change.persistentKeepaliveSeconds }),
      allowedAddresses: [...kept, ...gained],
    }
  })
  return { ...state, peers }
}
