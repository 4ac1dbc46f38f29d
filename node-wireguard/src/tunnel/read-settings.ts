import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { Failure } from '@trellis/foundation/failure'
import { type Cidr, contains, familyOf, type IpAddress, overlap, parseCidr, parseIpAddress } from '../address.ts'
import { type Endpoint, parseEndpoint } from '../endpoint.ts'
import type { NetworkMapping } from '../host/configuration.ts'
import { type PublicKey, parsePresharedKey, parsePrivateKey, parsePublicKey } from '../key.ts'
import { parseInterfaceName } from '../link.ts'
import type { RelayTarget } from '../relay/client.ts'
import { defaultMemoryLimitMebibytes } from '../wireguard-go.ts'
import type { LinkFile, TunnelFile } from './file.ts'
import type { LinkSettings, TunnelRole, TunnelSettings } from './settings.ts'

/**
 * Turns a checked file into settings, reading the keys from the files it names. Throws `Invalid` that names the field for whatever no schema can see,
 * `NotFound` when a key file is missing.
 */
export async function readTunnelSettings(file: TunnelFile, role: TunnelRole): Promise<TunnelSettings> {
  const networks = networksOf(file)
  const tunnelAddresses = addressesOf(file.tunnelAddresses, 'tunnelAddresses')
  const mappings = mappingsOf(file, networks)
  const links: LinkSettings[] = []
  for (const [index, link] of file.links.entries()) links.push(await linkOf(link, `links[${index}]`, role))
  const behindPeers = role.networksAre === 'behind-peers'
  const networksBehindPeers = behindPeers ? networks.map((network) => insideName(network, mappings)) : []
  checkLinks(links)
  checkAddresses(tunnelAddresses, links)
  checkFamilies(tunnelAddresses, [...networksBehindPeers, ...(behindPeers ? [] : networks)])
  for (const [index, link] of links.entries()) checkEndpoints(link, networksBehindPeers, `links[${index}]`)
  return {
    name: file.name ?? 'trellis',
    tunnelAddresses,
    links,
    networksBehindPeers,
    forwardTo: behindPeers ? [] : networks,
    translation: {
      own: behindPeers ? [] : mappings,
      remote: behindPeers ? mappings : [],
      groupId: file.otherNamesForGroup,
    },
    relay: relayOf(file.relay),
    relayProgram: file.wireGuardRelay?.program ?? 'wireguard-relay',
    implementation: file.implementation ?? 'automatic',
    maximumTransmissionUnit: file.mtu,
    probe: { port: file.probe?.port ?? 5400, intervalMilliseconds: file.probe?.intervalMilliseconds ?? 500 },
    wireGuardGo: {
      program: file.wireGuardGo?.program ?? 'wireguard-go',
      memoryLimitMebibytes: file.wireGuardGo?.memoryLimitMebibytes ?? defaultMemoryLimitMebibytes,
    },
  }
}

async function linkOf(file: LinkFile, field: string, role: TunnelRole): Promise<LinkSettings> {
  const { presharedKeyFile, name, publicKey } = file.peer
  const endpoint =
    file.peer.endpoint === undefined ? undefined : parseEndpoint(file.peer.endpoint, `${field}.peer.endpoint`)
  const parsedKey = parsePublicKey(publicKey, `${field}.peer.publicKey`)
  const privateKeyField = `${field}.privateKeyFile`
  const presharedKeyField = `${field}.peer.presharedKeyFile`
  return {
    interfaceName: parseInterfaceName(file.interface, `${field}.interface`),
    privateKey: parsePrivateKey(await readSecret(file.privateKeyFile, privateKeyField), privateKeyField),
    // An end that nobody can find is of no use: one that does not dial listens where WireGuard usually does.
    listenPort: file.listenPort ?? (endpoint === undefined ? 51_820 : undefined),
    addresses: addressesOf(file.addresses, `${field}.addresses`),
    peer: {
      name: name ?? file.interface,
      publicKey: parsedKey,
      presharedKey:
        presharedKeyFile === undefined
          ? undefined
          : parsePresharedKey(await readSecret(presharedKeyFile, presharedKeyField), presharedKeyField),
      endpoint,
      fallback: fallbackOf(file.peer, parsedKey, `${field}.peer`),
      keepaliveSeconds: file.peer.keepaliveSeconds ?? role.keepaliveSeconds,
      addresses: addressesOf(file.peer.addresses, `${field}.peer.addresses`),
      tunnelAddresses: addressesOf(file.peer.tunnelAddresses, `${field}.peer.tunnelAddresses`),
    },
  }
}

function fallbackOf({ endpoint, fallback }: LinkFile['peer'], link: PublicKey, field: string): RelayTarget | undefined {
  if (fallback === undefined) return undefined
  if (endpoint === undefined) {
    throw new Failure('Invalid', 'only an end that dials has one', {
      field: `${field}.fallback`,
      remedy: `give ${field}.endpoint too, or take it away`,
    })
  }
  const { certificateFile, keyFile } = fallback
  if ((certificateFile === undefined) !== (keyFile === undefined)) {
    throw new Failure('Invalid', 'a certificate and its key belong together', {
      field: `${field}.fallback.${keyFile === undefined ? 'keyFile' : 'certificateFile'}`,
    })
  }
  return { ...fallback, link, endpoint: parseEndpoint(fallback.endpoint, `${field}.fallback.endpoint`) }
}

function relayOf(relay: TunnelFile['relay']): TunnelSettings['relay'] {
  if (relay === undefined) return undefined
  const { listen, ...identity } = relay
  // A port alone means every address of this machine.
  parseEndpoint(listen.startsWith(':') ? `0.0.0.0${listen}` : listen, 'relay.listen')
  return { listen, identity }
}

function addressesOf(texts: readonly string[], field: string): readonly IpAddress[] {
  return texts.map((text, index) => parseIpAddress(text, `${field}[${index}]`))
}

/** All networks, each once; one that lies within another is left out, since the wider one covers it. */
function networksOf(file: TunnelFile): readonly Cidr[] {
  const named = (['nodes', 'pods', 'services'] as const).flatMap((kind) =>
    (file.networks[kind] ?? []).map((text, index) => ({ kind, cidr: parseCidr(text, `networks.${kind}[${index}]`) })),
  )
  for (const one of named) {
    const other = named.find(({ kind, cidr }) => kind !== one.kind && overlap(cidr, one.cidr))
    if (other === undefined) continue
    throw new Failure('Invalid', `${one.cidr} overlaps with ${other.cidr} of networks.${other.kind}`, {
      field: `networks.${one.kind}`,
      remedy: 'nodes, pods and services need networks of their own',
    })
  }
  const cidrs = [...new Set(named.map(({ cidr }) => cidr))]
  return cidrs.filter((cidr) => !cidrs.some((wider) => wider !== cidr && contains(wider, cidr)))
}

function mappingsOf(file: TunnelFile, networks: readonly Cidr[]): readonly NetworkMapping[] {
  return (file.otherNames ?? []).map(({ network, inTunnel }, index) => {
    const field = `otherNames[${index}]`
    const real = parseCidr(network, `${field}.network`)
    if (!networks.includes(real)) {
      throw new Failure('Invalid', `${real} is none of the networks`, {
        field: `${field}.network`,
        remedy: 'name a whole network of the list, which lies in no other',
      })
    }
    return { real, mapped: parseCidr(inTunnel, `${field}.inTunnel`) }
  })
}

function insideName(network: Cidr, mappings: readonly NetworkMapping[]): Cidr {
  return mappings.find(({ real }) => real === network)?.mapped ?? network
}

/** An end must not dial into its own tunnel. */
function checkEndpoints({ peer }: LinkSettings, networks: readonly Cidr[], field: string): void {
  checkEndpoint(peer.endpoint, networks, `${field}.peer.endpoint`)
  checkEndpoint(peer.fallback?.endpoint, networks, `${field}.peer.fallback.endpoint`)
}

function checkEndpoint(endpoint: Endpoint | undefined, networks: readonly Cidr[], field: string): void {
  if (endpoint === undefined || isIP(endpoint.host) === 0) return
  const behind = networks.find((cidr) => contains(cidr, parseCidr(endpoint.host)))
  if (behind === undefined) return
  throw new Failure('Invalid', `lies in ${behind}, which is reached through the tunnel itself`, {
    field,
    remedy: 'dial an address outside the networks of the other end',
  })
}

function checkLinks(links: readonly LinkSettings[]): void {
  for (const [index, link] of links.entries()) {
    const before = links.slice(0, index)
    if (before.some(({ interfaceName }) => interfaceName === link.interfaceName))
      throw new Failure('Invalid', `${link.interfaceName} is there twice`, { field: `links[${index}].interface` })
    const { listenPort } = link
    if (listenPort !== undefined && before.some((other) => other.listenPort === listenPort))
      throw new Failure('Invalid', `${listenPort} is another link's port already`, {
        field: `links[${index}].listenPort`,
      })
  }
}

/** Every address is one of a kind, and probes need two of one family. */
function checkAddresses(tunnelAddresses: readonly IpAddress[], links: readonly LinkSettings[]): void {
  const seen = new Map<IpAddress, string>(tunnelAddresses.map((address) => [address, 'tunnelAddresses']))
  const claim = (addresses: readonly IpAddress[], field: string) => {
    for (const address of addresses) {
      const taken = seen.get(address)
      if (taken !== undefined) throw new Failure('Invalid', `${address} is in ${taken} as well`, { field })
      seen.set(address, field)
    }
  }
  for (const [index, { addresses, peer }] of links.entries()) {
    claim(addresses, `links[${index}].addresses`)
    claim(peer.addresses, `links[${index}].peer.addresses`)
    const [first, peerFirst] = [addresses[0], peer.addresses[0]]
    if (first !== undefined && peerFirst !== undefined && familyOf(first) === familyOf(peerFirst)) continue
    throw new Failure('Invalid', 'its first address must be of the same family as the first of the link’s addresses', {
      field: `links[${index}].peer.addresses`,
    })
  }
  for (const [index, { peer }] of links.entries()) {
    const shared = peer.tunnelAddresses.find((address) => seen.has(address))
    if (shared === undefined) continue
    throw new Failure('Invalid', `${shared} is in ${seen.get(shared)} as well`, {
      field: `links[${index}].peer.tunnelAddresses`,
    })
  }
}

function checkFamilies(tunnelAddresses: readonly IpAddress[], networks: readonly Cidr[]): void {
  for (const cidr of networks) {
    if (tunnelAddresses.some((address) => familyOf(address) === familyOf(cidr))) continue
    throw new Failure('Invalid', `${cidr} needs a tunnel address of its own family`, { field: 'tunnelAddresses' })
  }
}

async function readSecret(path: string, field: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new Failure('NotFound', `${path} cannot be read`, { field, cause: error })
  }
}
