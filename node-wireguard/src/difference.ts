import { Failure } from '@trellis/foundation/failure'
import type { Cidr } from './address.ts'
import type {
  Applied,
  DeviceConfiguration,
  DeviceState,
  Operation,
  PeerChange,
  PeerConfiguration,
  PeerState,
} from './device.ts'
import { formatEndpoint } from './endpoint.ts'
import { publicKeyOf } from './key.ts'

/**
 * The fewest operations that lead from `current` to `wanted`, in an order in which each is valid. Empty when nothing differs.
 * A listen port that is right is never repeated (repeating it makes a device open a new socket), and the learned endpoint of a peer
 * without a configured one is never touched. Throws `Invalid` when `wanted` contradicts itself.
 */
export function difference(current: DeviceState, wanted: DeviceConfiguration): readonly Operation[] {
  check(wanted)
  const present = new Map(current.peers.map((peer) => [peer.publicKey, peer]))
  const kept = new Set(wanted.peers.map((peer) => peer.publicKey))
  return [
    ...deviceOperations(current, wanted),
    ...current.peers
      .filter((peer) => !kept.has(peer.publicKey))
      .map(({ publicKey }): Operation => ({ kind: 'remove-peer', publicKey })),
    ...wanted.peers.flatMap((peer) => peerOperations(present.get(peer.publicKey), peer)),
  ]
}

/** What the operations were, without their secrets. */
export function appliedOf(operations: readonly Operation[]): Applied {
  return {
    changes: operations.map((operation) => {
      if ('publicKey' in operation) return { kind: operation.kind, publicKey: operation.publicKey }
      if (operation.kind === 'add-peer') return { kind: operation.kind, publicKey: operation.peer.publicKey }
      return { kind: operation.kind }
    }),
  }
}

function deviceOperations(current: DeviceState, wanted: DeviceConfiguration): Operation[] {
  const operations: Operation[] = []
  const { privateKey, listenPort, firewallMark } = wanted
  if (current.privateKey !== privateKey) operations.push({ kind: 'set-private-key', privateKey })
  if (listenPort !== undefined && listenPort !== current.listenPort)
    operations.push({ kind: 'set-listen-port', listenPort })
  if (firewallMark !== undefined && firewallMark !== current.firewallMark)
    operations.push({ kind: 'set-firewall-mark', firewallMark })
  return operations
}

function peerOperations(current: PeerState | undefined, wanted: PeerConfiguration): Operation[] {
  if (current === undefined) return [{ kind: 'add-peer', peer: wanted }]
  const change: PeerChange = {
    ...(current.presharedKey === wanted.presharedKey ? {} : { presharedKey: wanted.presharedKey ?? 'none' }),
    ...endpointChange(current, wanted),
    ...keepaliveChange(current, wanted),
    ...allowedAddressesChange(current.allowedAddresses, wanted.allowedAddresses),
  }
  return Object.keys(change).length === 0 ? [] : [{ kind: 'change-peer', publicKey: wanted.publicKey, ...change }]
}

function endpointChange(current: PeerState, { endpoint }: PeerConfiguration): PeerChange {
  if (endpoint === undefined) return {}
  const same = current.endpoint !== undefined && formatEndpoint(current.endpoint) === formatEndpoint(endpoint)
  return same ? {} : { endpoint }
}

function keepaliveChange(current: PeerState, { persistentKeepaliveSeconds = 0 }: PeerConfiguration): PeerChange {
  return current.persistentKeepaliveSeconds === persistentKeepaliveSeconds ? {} : { persistentKeepaliveSeconds }
}

function allowedAddressesChange(current: readonly Cidr[], wanted: readonly Cidr[]): PeerChange {
  const added = wanted.filter((cidr) => !current.includes(cidr))
  const replace = current.some((cidr) => !wanted.includes(cidr))
  return added.length === 0 && !replace ? {} : { allowedAddresses: { all: wanted, added, replace } }
}

/** Refuses what a device would take silently and then not do. */
function check(wanted: DeviceConfiguration): void {
  const own = publicKeyOf(wanted.privateKey)
  const owners = new Map<Cidr, string>()
  const seen = new Set<string>()
  for (const [index, peer] of wanted.peers.entries()) {
    const field = `peers[${index}]`
    if (peer.publicKey === own) {
      throw new Failure('Invalid', 'is the key of this device itself, which a device ignores as a peer', {
        field: `${field}.publicKey`,
        remedy: "write the other end's public key",
      })
    }
    if (seen.has(peer.publicKey)) {
      throw new Failure('Invalid', 'names the same peer a second time', { field: `${field}.publicKey` })
    }
    seen.add(peer.publicKey)
    for (const cidr of peer.allowedAddresses) {
      const owner = owners.get(cidr)
      if (owner !== undefined && owner !== peer.publicKey) {
        throw new Failure('Invalid', `${cidr} belongs to another peer already`, { field: `${field}.allowedAddresses` })
      }
      owners.set(cidr, peer.publicKey)
    }
    checkNumber(peer.persistentKeepaliveSeconds, 65_535, `${field}.persistentKeepaliveSeconds`)
  }
  checkNumber(wanted.listenPort, 65_535, 'listenPort')
  checkNumber(wanted.firewallMark, 0xffff_ffff, 'firewallMark')
}

function checkNumber(value: number | undefined, limit: number, field: string): void {
  if (value === undefined || (Number.isInteger(value) && value >= 0 && value <= limit)) return
  throw new Failure('Invalid', `must be a whole number from 0 to ${limit}`, { field })
}
