import { Failure } from '@trellis/foundation/failure'
import { parseCidr } from './address.ts'
import type { DeviceState, PeerState } from './device.ts'
import { formatEndpoint, parseResolvedEndpoint } from './endpoint.ts'
import { parsePresharedKey, parsePrivateKey, parsePublicKey } from './key.ts'

const none = '(none)'

/** Reads what `wg show <interface> dump` prints. Throws `Invalid` that names the column it could not read; secrets are never repeated. */
export function parseDump(text: string): DeviceState {
  const [first = '', ...rest] = text.split('\n').filter((line) => line !== '')
  const columns = first.split('\t')
  if (columns.length !== 4) throw unreadable('line 1', `has ${columns.length} columns instead of 4`)
  const [privateKey = '', publicKey = '', listenPort = '', firewallMark = ''] = columns
  return {
    privateKey: privateKey === none ? undefined : parsePrivateKey(privateKey, 'private-key'),
    publicKey: publicKey === none ? undefined : parsePublicKey(publicKey, 'public-key'),
    listenPort: integer(listenPort, 'listen-port'),
    firewallMark: mark(firewallMark),
    peers: rest.map(parsePeer),
  }
}

/** Writes a state the way `wg show <interface> dump` would. */
export function printDump(state: DeviceState): string {
  const { privateKey = none, publicKey = none, listenPort, firewallMark } = state
  const fwmark = firewallMark === 0 ? 'off' : `0x${firewallMark.toString(16)}`
  const lines = state.peers.map((peer) =>
    [
      peer.publicKey,
      peer.presharedKey ?? none,
      peer.endpoint === undefined ? none : formatEndpoint(peer.endpoint),
      peer.allowedAddresses.join(',') || none,
      Math.floor((peer.latestHandshake ?? 0) / 1000),
      peer.receivedBytes,
      peer.sentBytes,
      peer.persistentKeepaliveSeconds === 0 ? 'off' : peer.persistentKeepaliveSeconds,
    ].join('\t'),
  )
  return `${[[privateKey, publicKey, listenPort, fwmark].join('\t'), ...lines].join('\n')}\n`
}

function parsePeer(line: string, index: number): PeerState {
  const columns = line.split('\t')
  if (columns.length !== 8) throw unreadable(`line ${index + 2}`, `has ${columns.length} columns instead of 8`)
  const [
    publicKey = '',
    presharedKey = '',
    endpoint = '',
    allowed = '',
    handshake = '',
    rx = '',
    tx = '',
    keepalive = '',
  ] = columns
  const seconds = integer(handshake, 'latest-handshake')
  return {
    publicKey: parsePublicKey(publicKey, 'public-key'),
    presharedKey: presharedKey === none ? undefined : parsePresharedKey(presharedKey, 'preshared-key'),
    endpoint: endpoint === none ? undefined : parseResolvedEndpoint(endpoint),
    allowedAddresses: allowed === none ? [] : allowed.split(',').map((cidr) => parseCidr(cidr, 'allowed-ips')),
    latestHandshake: seconds === 0 ? undefined : seconds * 1000,
    receivedBytes: integer(rx, 'transfer-rx'),
    sentBytes: integer(tx, 'transfer-tx'),
    persistentKeepaliveSeconds: keepalive === 'off' ? 0 : integer(keepalive, 'persistent-keepalive'),
  }
}

function mark(text: string): number {
  if (text === 'off') return 0
  if (!/^0x[0-9a-f]{1,8}$/.test(text)) throw unreadable('fwmark', 'is neither off nor a hexadecimal number')
  return Number.parseInt(text, 16)
}

function integer(text: string, field: string): number {
  if (!/^\d{1,20}$/.test(text)) throw unreadable(field, `is ${JSON.stringify(text.slice(0, 40))} instead of a number`)
  return Number(text)
}

function unreadable(field: string, what: string): Failure {
  return new Failure('Invalid', `the dump of wg cannot be read: ${field} ${what}`, { field })
}
