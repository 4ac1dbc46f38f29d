import { Failure } from '@trellis/foundation/failure'
import { type Cidr, parseCidr } from './address.ts'
import type { DeviceConfiguration, PeerConfiguration } from './device.ts'
import { type Endpoint, formatEndpoint, parseEndpoint } from './endpoint.ts'
import { type PrivateKey, parsePresharedKey, parsePrivateKey, parsePublicKey } from './key.ts'

/** A peer as a configuration file writes it: its endpoint may still be a name. */
export type WrittenPeer = Omit<PeerConfiguration, 'endpoint'> & { readonly endpoint?: Endpoint | undefined }

/** What a configuration file says. */
export type WrittenConfiguration = Omit<DeviceConfiguration, 'privateKey' | 'peers'> & {
  readonly privateKey?: PrivateKey | undefined
  readonly peers: readonly WrittenPeer[]
}

interface Section {
  readonly name: string
  readonly line: number
  readonly entries: { readonly key: string; readonly value: string; readonly line: number }[]
}

const keys: Readonly<Record<string, readonly string[]>> = {
  interface: ['privatekey', 'listenport', 'fwmark'],
  peer: ['publickey', 'presharedkey', 'allowedips', 'endpoint', 'persistentkeepalive'],
}

/**
 * Reads the grammar of `wg setconf`. Keys of wg-quick (`Address`, `PostUp`, …) are refused, since nothing here would obey them.
 * Throws `Invalid` that names the line; secrets are never repeated.
 */
export function parseConfigurationText(text: string): WrittenConfiguration {
  const sections = sectionsOf(text)
  const [device, second] = sections.filter((section) => section.name === 'interface')
  if (second !== undefined) throw refuse(second.line, 'a second [Interface] section')
  const field = (name: string) => device?.entries.findLast((entry) => entry.key === name)
  const privateKey = field('privatekey')
  const listenPort = field('listenport')
  const firewallMark = field('fwmark')
  return {
    ...(privateKey === undefined ? {} : { privateKey: parsePrivateKey(privateKey.value, at(privateKey.line)) }),
    ...(listenPort === undefined ? {} : { listenPort: number(listenPort.value, 65_535, listenPort.line) }),
    ...(firewallMark === undefined ? {} : { firewallMark: mark(firewallMark.value, firewallMark.line) }),
    peers: mergePeers(sections.filter((section) => section.name === 'peer').map(peerOf)),
  }
}

/** Writes the grammar of `wg setconf`. Reading it back gives an equal configuration. */
export function printConfigurationText(configuration: WrittenConfiguration): string {
  const { privateKey, listenPort, firewallMark, peers } = configuration
  const lines = ['[Interface]']
  if (privateKey !== undefined) lines.push(`PrivateKey = ${privateKey}`)
  if (listenPort !== undefined) lines.push(`ListenPort = ${listenPort}`)
  if (firewallMark !== undefined) lines.push(`FwMark = 0x${firewallMark.toString(16)}`)
  for (const peer of peers) {
    lines.push('', '[Peer]', `PublicKey = ${peer.publicKey}`)
    if (peer.presharedKey !== undefined) lines.push(`PresharedKey = ${peer.presharedKey}`)
    if (peer.endpoint !== undefined) lines.push(`Endpoint = ${formatEndpoint(peer.endpoint)}`)
    if (peer.persistentKeepaliveSeconds !== undefined)
      lines.push(`PersistentKeepalive = ${peer.persistentKeepaliveSeconds}`)
    if (peer.allowedAddresses.length > 0) lines.push(`AllowedIPs = ${peer.allowedAddresses.join(', ')}`)
  }
  return `${lines.join('\n')}\n`
}

function sectionsOf(text: string): Section[] {
  const sections: Section[] = []
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = index + 1
    // White space has no meaning anywhere in this grammar.
    const stripped = raw.replace(/#.*$/, '').replace(/\s+/g, '')
    if (stripped === '') continue
    const heading = /^\[(interface|peer)\]$/i.exec(stripped)?.[1]?.toLowerCase()
    if (heading !== undefined) {
      sections.push({ name: heading, line, entries: [] })
      continue
    }
    const section = sections.at(-1)
    if (section === undefined) throw refuse(line, 'it stands before any [Interface] or [Peer]')
    section.entries.push(entryOf(stripped, section.name, line))
  }
  return sections
}

function entryOf(stripped: string, section: string, line: number): Section['entries'][number] {
  const separator = stripped.indexOf('=')
  const key = stripped.slice(0, Math.max(separator, 0)).toLowerCase()
  if (separator < 1 || !(keys[section] ?? []).includes(key)) {
    throw refuse(line, `[${section === 'peer' ? 'Peer' : 'Interface'}] knows only ${(keys[section] ?? []).join(', ')}`)
  }
  return { key, value: stripped.slice(separator + 1), line }
}

function peerOf(section: Section): WrittenPeer {
  const field = (name: string) => section.entries.findLast((entry) => entry.key === name)
  const publicKey = field('publickey')
  if (publicKey === undefined) throw refuse(section.line, 'its [Peer] has no PublicKey')
  const presharedKey = field('presharedkey')
  const endpoint = field('endpoint')
  const keepalive = field('persistentkeepalive')
  return {
    publicKey: parsePublicKey(publicKey.value, at(publicKey.line)),
    ...(presharedKey === undefined
      ? {}
      : { presharedKey: parsePresharedKey(presharedKey.value, at(presharedKey.line)) }),
    ...(endpoint === undefined ? {} : { endpoint: parseEndpoint(endpoint.value, at(endpoint.line)) }),
    ...(keepalive === undefined
      ? {}
      : {
          persistentKeepaliveSeconds: keepalive.value === 'off' ? 0 : number(keepalive.value, 65_535, keepalive.line),
        }),
    allowedAddresses: section.entries
      .filter((entry) => entry.key === 'allowedips')
      .flatMap(({ value, line }) => allowed(value, line)),
  }
}

function allowed(value: string, line: number): Cidr[] {
  return value === '' ? [] : value.split(',').map((cidr) => parseCidr(cidr, at(line)))
}

/** A peer written twice is one peer: the later section wins, as in wg, and networks add up. */
function mergePeers(peers: readonly WrittenPeer[]): WrittenPeer[] {
  const merged = new Map<string, WrittenPeer>()
  for (const peer of peers) {
    const earlier = merged.get(peer.publicKey)
    const networks = new Set([...(earlier?.allowedAddresses ?? []), ...peer.allowedAddresses])
    merged.set(peer.publicKey, { ...earlier, ...peer, allowedAddresses: [...networks] })
  }
  return [...merged.values()]
}

function mark(text: string, line: number): number {
  if (text === 'off') return 0
  if (/^0x[0-9a-f]{1,8}$/i.test(text)) return Number.parseInt(text, 16)
  return number(text, 0xffff_ffff, line)
}

function number(text: string, limit: number, line: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (value <= limit) return value
  throw refuse(line, `it needs a whole number from 0 to ${limit}`)
}

function at(line: number): string {
  return `line ${line}`
}

function refuse(line: number, why: string): Failure {
  return new Failure('Invalid', `the configuration cannot be read: ${why}`, { field: at(line) })
}
