import { Failure, type FailureKind } from '@trellis/foundation/failure'
import { type Cidr, parseCidr } from './address.ts'
import type { DeviceState, Operation, PeerChange, PeerConfiguration, PeerState } from './device.ts'
import { formatEndpoint, parseResolvedEndpoint } from './endpoint.ts'
import { isZeroKey, keyToHex, parsePresharedKey, parsePrivateKey, parsePublicKey, publicKeyOf } from './key.ts'

/** A request that a device refused, with the number it gave. */
export class DeviceRefusal extends Failure {
  /** Positive Linux error number. */
  readonly errno: number

  constructor(kind: FailureKind, message: string, errno: number, remedy?: string) {
    super(kind, message, remedy === undefined ? {} : { remedy })
    this.name = 'DeviceRefusal'
    this.errno = errno
  }
}

const refusals: Readonly<Record<number, readonly [kind: FailureKind, meaning: string, remedy?: string]>> = {
  1: ['Unauthorized', 'the operation is not permitted', 'run with the NET_ADMIN capability'],
  5: ['Unavailable', 'input or output failed'],
  13: ['Unauthorized', 'access was denied'],
  16: ['Unavailable', 'the device is busy'],
  22: ['Invalid', 'a value was not accepted'],
  71: ['Invalid', 'the request was not understood', 'the device may be older than this client'],
  98: ['Conflict', 'the port is in use', 'choose another listen port or end the program that holds it'],
}

/** The failure that an `errno=` answer stands for; undefined for 0. */
export function refusalOf(errno: number): DeviceRefusal | undefined {
  const number = Math.abs(errno)
  if (number === 0) return undefined
  const [kind, meaning, remedy] = refusals[number] ?? ['Unavailable', 'the request failed']
  return new DeviceRefusal(kind, `the device refused: ${meaning} (errno ${number})`, number, remedy)
}

/** A `set` request for these operations. */
export function encodeSet(operations: readonly Operation[]): string {
  return `${['set=1', ...operations.flatMap(linesOf)].join('\n')}\n\n`
}

/** The `get` request. */
export const getRequest = 'get=1\n\n'

/** Splits an answer (without its closing empty line) into its lines but the last, which must be the error number. */
export function parseAnswer(text: string): { readonly lines: readonly string[]; readonly errno: number } {
  const lines = text.split('\n').filter((line) => line !== '')
  const last = lines.pop() ?? ''
  const match = /^errno=(-?\d{1,10})$/.exec(last)
  if (match === null) throw unreadable(`ends with ${JSON.stringify(last.slice(0, 40))} instead of an error number`)
  return { lines, errno: Number(match[1]) }
}

/** Reads the lines of a `get` answer. Unknown keys are skipped, since newer devices say more. Throws `Invalid` when a known one cannot be read. */
export function parseState(lines: readonly string[]): DeviceState {
  const device = new Map<string, string>()
  const peers: { readonly fields: Map<string, string>; readonly allowed: Cidr[] }[] = []
  for (const line of lines) {
    const separator = line.indexOf('=')
    if (separator < 1) throw unreadable(`has the line ${JSON.stringify(line.slice(0, 20))}`)
    const [key, value] = [line.slice(0, separator), line.slice(separator + 1)]
    if (key === 'public_key') peers.push({ fields: new Map(), allowed: [] })
    const peer = peers.at(-1)
    if (peer !== undefined && key === 'allowed_ip') peer.allowed.push(parseCidr(value, key))
    else (peer?.fields ?? device).set(key, value)
  }
  const privateKeyText = device.get('private_key')
  const privateKey =
    privateKeyText === undefined || isZeroKey(privateKeyText)
      ? undefined
      : parsePrivateKey(privateKeyText, 'private_key')
  return {
    privateKey,
    publicKey: privateKey === undefined ? undefined : publicKeyOf(privateKey),
    listenPort: integer(device, 'listen_port'),
    firewallMark: integer(device, 'fwmark'),
    peers: peers.map(({ fields, allowed }) => peerOf(fields, allowed)),
  }
}

function peerOf(fields: ReadonlyMap<string, string>, allowedAddresses: readonly Cidr[]): PeerState {
  const presharedKey = fields.get('preshared_key')
  const endpoint = fields.get('endpoint')
  const seconds = integer(fields, 'last_handshake_time_sec')
  const nanoseconds = integer(fields, 'last_handshake_time_nsec')
  return {
    publicKey: parsePublicKey(fields.get('public_key') ?? '', 'public_key'),
    presharedKey:
      presharedKey === undefined || isZeroKey(presharedKey)
        ? undefined
        : parsePresharedKey(presharedKey, 'preshared_key'),
    endpoint: endpoint === undefined ? undefined : parseResolvedEndpoint(endpoint),
    persistentKeepaliveSeconds: integer(fields, 'persistent_keepalive_interval'),
    allowedAddresses,
    latestHandshake:
      seconds === 0 && nanoseconds === 0 ? undefined : seconds * 1000 + Math.floor(nanoseconds / 1_000_000),
    receivedBytes: integer(fields, 'rx_bytes'),
    sentBytes: integer(fields, 'tx_bytes'),
  }
}

function linesOf(operation: Operation): string[] {
  switch (operation.kind) {
    case 'set-private-key':
      return [`private_key=${keyToHex(operation.privateKey)}`]
    case 'set-listen-port':
      return [`listen_port=${operation.listenPort}`]
    case 'set-firewall-mark':
      return [`fwmark=${operation.firewallMark}`]
    case 'remove-peer':
      return [`public_key=${keyToHex(operation.publicKey)}`, 'remove=true']
    case 'add-peer':
      return [`public_key=${keyToHex(operation.peer.publicKey)}`, ...changeLines(newPeer(operation.peer))]
    case 'change-peer':
      return [`public_key=${keyToHex(operation.publicKey)}`, 'update_only=true', ...changeLines(operation)]
  }
}

function newPeer(peer: PeerConfiguration): PeerChange {
  return {
    ...(peer.presharedKey === undefined ? {} : { presharedKey: peer.presharedKey }),
    ...(peer.endpoint === undefined ? {} : { endpoint: peer.endpoint }),
    persistentKeepaliveSeconds: peer.persistentKeepaliveSeconds ?? 0,
    allowedAddresses: { all: peer.allowedAddresses, added: peer.allowedAddresses, replace: true },
  }
}

function changeLines(change: PeerChange): string[] {
  const lines: string[] = []
  const { presharedKey, endpoint, persistentKeepaliveSeconds, allowedAddresses } = change
  if (presharedKey !== undefined)
    lines.push(`preshared_key=${presharedKey === 'none' ? '0'.repeat(64) : keyToHex(presharedKey)}`)
  if (endpoint !== undefined) lines.push(`endpoint=${formatEndpoint(endpoint)}`)
  if (allowedAddresses !== undefined) {
    if (allowedAddresses.replace) lines.push('replace_allowed_ips=true')
    const cidrs = allowedAddresses.replace ? allowedAddresses.all : allowedAddresses.added
    lines.push(...cidrs.map((cidr) => `allowed_ip=${cidr}`))
  }
  // Last, because a device sends a keepalive as soon as it is switched on, and that needs all of the above.
  if (persistentKeepaliveSeconds !== undefined)
    lines.push(`persistent_keepalive_interval=${persistentKeepaliveSeconds}`)
  return lines
}

function integer(fields: ReadonlyMap<string, string>, key: string): number {
  const text = fields.get(key) ?? '0'
  if (!/^\d{1,20}$/.test(text)) throw unreadable(`says ${JSON.stringify(text.slice(0, 40))} for a number`, key)
  return Number(text)
}

function unreadable(what: string, field?: string): Failure {
  return new Failure('Invalid', `the device's answer ${what}`, field === undefined ? {} : { field })
}
