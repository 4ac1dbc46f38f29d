import { Failure } from '@trellis/foundation/failure'
import { createParser } from '@trellis/foundation/schema'
import { type IpAddress, parseIpAddress } from 'node-wireguard/address'
import { type PublicKey, parsePublicKey } from 'node-wireguard/key'
import { type Static, Type } from 'typebox'

const closed = { additionalProperties: false }
const port = Type.Integer({ minimum: 1, maximum: 65_535 })
const name = Type.String({ minLength: 1, maxLength: 253 })
const tunnelSchema = Type.Object(
  {
    name,
    publicKeys: Type.Array(Type.String(), { minItems: 1, maxItems: 64 }),
    address: Type.String(),
    port,
  },
  closed,
)
const serverSchema = Type.Object(
  {
    serverNames: Type.Array(name, { minItems: 1, maxItems: 64 }),
    targets: Type.Array(Type.Object({ address: Type.String(), port }, closed), { minItems: 1, maxItems: 64 }),
  },
  closed,
)
const fileSchema = Type.Object(
  { tunnels: Type.Optional(Type.Array(tunnelSchema)), servers: Type.Optional(Type.Array(serverSchema)) },
  closed,
)
const fileParser = createParser(fileSchema, 'destinations')

/** An address and a port that packets or streams are passed on to. */
export interface Target {
  readonly address: IpAddress
  readonly port: number
}

/** A seed's end of a tunnel: whatever proves one of these keys is for it. */
export interface TunnelDestination {
  /** Unlike any other; it outlives a change of address or keys. */
  readonly name: string
  readonly publicKeys: readonly PublicKey[]
  readonly target: Target
}

/** A server that TLS clients ask for by name. */
export interface ServerDestination {
  /** In lower case. */
  readonly serverNames: readonly string[]
  /** Each as good as the others. */
  readonly targets: readonly Target[]
}

/** All that the front door leads to. */
export interface Destinations {
  readonly tunnels: readonly TunnelDestination[]
  readonly servers: readonly ServerDestination[]
}

/** A door that leads nowhere. */
export const noDestinations: Destinations = { tunnels: [], servers: [] }

/** Reads the text of one file. Throws `Invalid` that names the field. */
export function parseDestinations(text: string): Destinations {
  const { tunnels = [], servers = [] } = fileParser.parse(readJson(text))
  return {
    tunnels: tunnels.map((tunnel, index) => tunnelOf(tunnel, `tunnels[${index}]`)),
    servers: servers.map(({ serverNames, targets }, index) => ({
      serverNames: serverNames.map((one) => one.toLowerCase()),
      targets: targets.map((target, place) => targetOf(target, `servers[${index}].targets[${place}]`)),
    })),
  }
}

/**
 * Puts several sources together. A name or a key that two of them claim would let one take what is the other's: the first keeps it, and
 * `refused` says in a sentence for each what was left out.
 */
export function mergeDestinations(sources: readonly Destinations[]): {
  readonly destinations: Destinations
  readonly refused: readonly string[]
} {
  const refused: string[] = []
  const claimed = new Map<string, string>()
  const claim = (kind: string, what: string, owner: string) => {
    const first = claimed.get(`${kind} ${what}`)
    if (first === undefined) {
      claimed.set(`${kind} ${what}`, owner)
      return true
    }
    // Keys are not for logs, public ones neither.
    refused.push(`${owner} claims a ${kind} of ${first}`)
    return false
  }
  const tunnels = sources.flatMap((source) =>
    source.tunnels
      .filter(({ name }) => claim('name', name, name))
      .map((one) => ({ ...one, publicKeys: one.publicKeys.filter((key) => claim('key', key, one.name)) }))
      .filter(({ publicKeys }) => publicKeys.length > 0),
  )
  const servers = sources.flatMap((source) =>
    source.servers
      .map((one) => ({
        ...one,
        serverNames: one.serverNames.filter((name) => claim('server name', name, targetText(one.targets[0]))),
      }))
      .filter(({ serverNames }) => serverNames.length > 0),
  )
  return { destinations: { tunnels, servers }, refused }
}

/** The text form of a target, unlike that of any other. */
export function targetText(target: Target | undefined): string {
  return target === undefined ? '' : `${target.address} ${target.port}`
}

function tunnelOf({ name, publicKeys, ...target }: Static<typeof tunnelSchema>, field: string): TunnelDestination {
  return {
    name,
    publicKeys: publicKeys.map((key, index) => parsePublicKey(key, `${field}.publicKeys[${index}]`)),
    target: targetOf(target, field),
  }
}

function targetOf({ address, port }: { address: string; port: number }, field: string): Target {
  return { address: parseIpAddress(address, `${field}.address`), port }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Failure('Invalid', 'destinations are not JSON', { field: '(root)', cause: error })
  }
}
