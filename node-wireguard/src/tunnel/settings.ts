import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { Failure } from '@trellis/foundation/failure'
import { type Static, Type } from 'typebox'
import { type Cidr, contains, familyOf, type IpAddress, overlap, parseCidr, parseIpAddress } from '../address.ts'
import { type Endpoint, parseEndpoint } from '../endpoint.ts'
import {
  type PresharedKey,
  type PrivateKey,
  type PublicKey,
  parsePresharedKey,
  parsePrivateKey,
  parsePublicKey,
} from '../key.ts'
import { type Implementation, parseInterfaceName } from '../link.ts'

/** One end of a tunnel between two hosts, ready to be started. */
export interface TunnelSettings {
  readonly interfaceName: string
  readonly implementation: Implementation | 'automatic'
  readonly privateKey: PrivateKey
  /** UDP port; left out: any free one, for an end that dials. */
  readonly listenPort?: number | undefined
  readonly peer: {
    readonly publicKey: PublicKey
    readonly presharedKey?: PresharedKey | undefined
    /** Where to dial; left out: the other end dials. */
    readonly endpoint?: Endpoint | undefined
    readonly keepaliveSeconds: number
  }
  /** This end's addresses inside the tunnel; the first is probed from. */
  readonly tunnelAddresses: readonly IpAddress[]
  readonly peerAddresses: readonly IpAddress[]
  /** Networks that are reached through the other end. */
  readonly networksBehindPeer: readonly Cidr[]
  /** Networks that this end passes the tunnel's packets on to. */
  readonly forwardTo: readonly Cidr[]
  /** Left out: what fits through the interface of the default route, at most 1,420. */
  readonly maximumTransmissionUnit?: number | undefined
  readonly probe: { readonly port: number; readonly intervalMilliseconds: number }
  readonly wireGuardGo: { readonly program: string; readonly memoryLimitMebibytes: number }
}

const port = Type.Integer({ minimum: 1, maximum: 65_535 })
const texts = Type.Array(Type.String(), { minItems: 1 })

/** The fields that configuration files of both kinds of end share; a program adds its own and refuses the rest. */
export const tunnelFields = {
  interface: Type.String(),
  implementation: Type.Optional(
    Type.Union([Type.Literal('automatic'), Type.Literal('kernel'), Type.Literal('userspace')]),
  ),
  privateKeyFile: Type.String(),
  tunnelAddresses: texts,
  peerAddresses: texts,
  networks: Type.Object(
    { nodes: Type.Optional(texts), pods: Type.Optional(texts), services: Type.Optional(texts) },
    { additionalProperties: false },
  ),
  mtu: Type.Optional(Type.Integer({ minimum: 576, maximum: 65_455 })),
  probe: Type.Optional(
    Type.Object(
      {
        port: Type.Optional(port),
        intervalMilliseconds: Type.Optional(Type.Integer({ minimum: 50, maximum: 60_000 })),
      },
      { additionalProperties: false },
    ),
  ),
  healthHost: Type.Optional(Type.String()),
  healthPort: Type.Integer({ minimum: 0, maximum: 65_535 }),
  wireGuardGo: Type.Optional(
    Type.Object(
      {
        program: Type.Optional(Type.String()),
        memoryLimitMebibytes: Type.Optional(Type.Integer({ minimum: 8, maximum: 65_536 })),
      },
      { additionalProperties: false },
    ),
  ),
  logLevel: Type.Optional(
    Type.Union([Type.Literal('debug'), Type.Literal('info'), Type.Literal('warn'), Type.Literal('error')]),
  ),
}

/** The fields of `peer` that both kinds of end share. */
export const peerFields = {
  publicKey: Type.String(),
  presharedKeyFile: Type.Optional(Type.String()),
  keepaliveSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535 })),
}

const tunnelShape = Type.Object(tunnelFields)
const peerShape = Type.Object(peerFields)

/** A configuration file as its schema lets it through. */
export type TunnelFile = Static<typeof tunnelShape> & {
  readonly listenPort?: number
  readonly peer: Static<typeof peerShape> & { readonly endpoint?: string }
}

/** What a kind of end decides for itself. */
export interface TunnelRole {
  /** Whether the networks lie behind the other end (and are routed there) or behind this one (and are passed on to). */
  readonly networksAre: 'behind-peer' | 'here'
  readonly keepaliveSeconds: number
}

/**
 * Turns a checked file into settings, reading the keys from the files it names. Throws `Invalid` that names the field for whatever no schema can see,
 * `NotFound` when a key file is missing.
 */
export async function readTunnelSettings(file: TunnelFile, role: TunnelRole): Promise<TunnelSettings> {
  const networks = networksOf(file)
  const tunnelAddresses = file.tunnelAddresses.map((text, index) => parseIpAddress(text, `tunnelAddresses[${index}]`))
  const peerAddresses = file.peerAddresses.map((text, index) => parseIpAddress(text, `peerAddresses[${index}]`))
  checkFamilies(tunnelAddresses, peerAddresses, networks)
  const { presharedKeyFile } = file.peer
  const endpoint = file.peer.endpoint === undefined ? undefined : parseEndpoint(file.peer.endpoint, 'peer.endpoint')
  if (role.networksAre === 'behind-peer') checkEndpoint(endpoint, networks)
  return {
    interfaceName: parseInterfaceName(file.interface),
    implementation: file.implementation ?? 'automatic',
    privateKey: parsePrivateKey(await readSecret(file.privateKeyFile, 'privateKeyFile'), 'privateKeyFile'),
    // An end that nobody can find is of no use: one that does not dial listens where WireGuard usually does.
    listenPort: file.listenPort ?? (endpoint === undefined ? 51_820 : undefined),
    peer: {
      publicKey: parsePublicKey(file.peer.publicKey, 'peer.publicKey'),
      presharedKey:
        presharedKeyFile === undefined
          ? undefined
          : parsePresharedKey(await readSecret(presharedKeyFile, 'peer.presharedKeyFile'), 'peer.presharedKeyFile'),
      endpoint,
      keepaliveSeconds: file.peer.keepaliveSeconds ?? role.keepaliveSeconds,
    },
    tunnelAddresses,
    peerAddresses,
    networksBehindPeer: role.networksAre === 'behind-peer' ? networks : [],
    forwardTo: role.networksAre === 'here' ? networks : [],
    maximumTransmissionUnit: file.mtu,
    probe: { port: file.probe?.port ?? 5400, intervalMilliseconds: file.probe?.intervalMilliseconds ?? 500 },
    wireGuardGo: {
      program: file.wireGuardGo?.program ?? 'wireguard-go',
      memoryLimitMebibytes: file.wireGuardGo?.memoryLimitMebibytes ?? 96,
    },
  }
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

/** An end must not dial into its own tunnel. */
function checkEndpoint(endpoint: Endpoint | undefined, networks: readonly Cidr[]): void {
  if (endpoint === undefined || isIP(endpoint.host) === 0) return
  const behind = networks.find((cidr) => contains(cidr, parseCidr(endpoint.host)))
  if (behind === undefined) return
  throw new Failure('Invalid', `lies in ${behind}, which is reached through the tunnel itself`, {
    field: 'peer.endpoint',
    remedy: 'dial an address outside the networks of the other end',
  })
}

function checkFamilies(own: readonly IpAddress[], peer: readonly IpAddress[], networks: readonly Cidr[]): void {
  const [first, peerFirst] = [own[0], peer[0]]
  if (first === undefined || peerFirst === undefined || familyOf(first) !== familyOf(peerFirst)) {
    throw new Failure('Invalid', 'its first address must be of the same family as the first of tunnelAddresses', {
      field: 'peerAddresses',
    })
  }
  const shared = own.find((address) => peer.includes(address))
  if (shared !== undefined) {
    throw new Failure('Invalid', `${shared} is an address of this end as well`, { field: 'peerAddresses' })
  }
  for (const cidr of networks) {
    if (own.some((address) => familyOf(address) === familyOf(cidr))) continue
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
