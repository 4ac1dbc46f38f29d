import { type Blueprint, relayServerName } from '../shoot/blueprint.ts'
import { linkPort, relayPort, relayTargetPort, tunnelDoorPort } from '../shoot/tunnel-ports.ts'
import type { SecretData } from './secret-store.ts'
import { type LinkKeys, linkKeysIn, linkName, mostTunnelReplicas, type TunnelGeneration } from './tunnel-generations.ts'

/** Addresses of the ends inside the tunnel, whatever link carries. Every tunnel has a network namespace of its own at both ends, so those of all shoots may be alike. */
const seedAddress = '192.168.123.1'
const shootAddress = (replica: number) => `192.168.123.${2 + replica}`

/** Every address that a tunnel has. */
export const tunnelAddresses: readonly string[] = [
  seedAddress,
  ...replicas(mostTunnelReplicas).flatMap((replica) => [
    shootAddress(replica),
    ...[0, 1].flatMap((generation) => Object.values(linkAddresses(replica, generation))),
  ]),
]

/** Port of the health server of both ends. */
const tunnelHealthPort = 9110
const probePort = 5400
const directories = { seed: '/etc/vpn-seed', shoot: '/etc/vpn-shoot' } as const

/** What the ends' files are made of. */
export interface TunnelFilesInputs {
  readonly blueprint: Blueprint
  readonly keys: SecretData
  readonly generations: readonly TunnelGeneration[]
  /** Address that the shoot dials. */
  readonly frontDoor: string
  /** What it dials instead for the tunnel: a door of all shoots, with one port for all links. */
  readonly tunnelDoor?: string | undefined
  /** PEM of the authority of both ends' certificates for TLS, and their certificates. */
  readonly authority: string
  readonly serverCertificate: SecretData
  readonly clientCertificate: SecretData
}

/** Contents of the Secret `vpn-seed`: the whole directory of the end beside the API server, which waits to be dialled. */
export function tunnelSeedSecret(inputs: TunnelFilesInputs): SecretData {
  const links = linksOf(inputs)
  const files = relayFiles(directories.seed)
  return {
    'config.json': JSON.stringify({
      ...common(inputs.blueprint),
      tunnelAddresses: [seedAddress],
      links: links.map((link) => ({ ...entryOf(link, 'seed'), listenPort: link.port })),
      relay: { listen: `:${relayTargetPort}`, ...files },
    }),
    ...keyFiles(links, 'seed'),
    ...certificateFiles(inputs.authority, inputs.serverCertificate),
  }
}

/** Contents of the Secret `vpn-shoot`: the whole directory of the ends in the shoot, which dial the front door, with one configuration for each replica. */
export function tunnelShootSecret(inputs: TunnelFilesInputs): SecretData {
  const links = linksOf(inputs)
  const { blueprint } = inputs
  const configurations = replicas(blueprint.tunnelReplicas).map((replica): [string, string] => [
    `config-${replica}.json`,
    JSON.stringify({
      ...common(blueprint),
      tunnelAddresses: [shootAddress(replica)],
      links: links.filter((link) => link.replica === replica).map((link) => dialling(link, inputs)),
    }),
  ])
  return {
    ...Object.fromEntries(configurations),
    ...keyFiles(links, 'shoot'),
    ...certificateFiles(inputs.authority, inputs.clientCertificate),
  }
}

interface Link {
  readonly replica: number
  readonly generation: number
  readonly port: number
  readonly keys: LinkKeys
}

type Side = 'seed' | 'shoot'
const otherSide = { seed: 'shoot', shoot: 'seed' } as const

function linksOf({ blueprint, keys, generations }: TunnelFilesInputs): readonly Link[] {
  return replicas(blueprint.tunnelReplicas).flatMap((replica) =>
    generations.map(({ number: generation }) => ({
      ...{ replica, generation },
      port: linkPort(replica, generation),
      keys: linkKeysIn(keys, replica, generation),
    })),
  )
}

function entryOf({ replica, generation, keys }: Link, own: Side) {
  const other = otherSide[own]
  const name = linkName(replica, generation)
  const addresses = linkAddresses(replica, generation)
  return {
    interface: `vpn${replica}-${generation % 1000}`,
    privateKeyFile: `${directories[own]}/${name}.key`,
    addresses: [addresses[own]],
    peer: {
      name: own === 'seed' ? `vpn-shoot-${replica}` : 'vpn-seed',
      publicKey: keys[other].publicKey,
      presharedKeyFile: `${directories[own]}/${name}.preshared`,
      addresses: [addresses[other]],
      tunnelAddresses: [own === 'seed' ? shootAddress(replica) : seedAddress],
    },
  }
}

function dialling(link: Link, { blueprint, frontDoor, tunnelDoor }: TunnelFilesInputs) {
  const entry = entryOf(link, 'shoot')
  const host = tunnelDoor ?? frontDoor
  const port = tunnelDoor === undefined ? link.port : tunnelDoorPort
  const fallback = {
    endpoint: `${host}:${relayPort}`,
    serverName: relayServerName(blueprint.technicalId),
    ...relayFiles(directories.shoot),
  }
  return { ...entry, peer: { ...entry.peer, endpoint: `${host}:${port}`, fallback } }
}

/** Between which a link's ends probe. Generations that are there at once differ. */
function linkAddresses(replica: number, generation: number): Readonly<Record<Side, string>> {
  const first = 128 + 4 * (2 * replica + (generation % 2))
  return { seed: `192.168.123.${first + 1}`, shoot: `192.168.123.${first + 2}` }
}

function common({ networks }: Blueprint) {
  return {
    networks: { nodes: [networks.nodes], pods: [networks.pods], services: [networks.services] },
    probe: { port: probePort },
    healthPort: tunnelHealthPort,
  }
}

function keyFiles(links: readonly Link[], own: Side): SecretData {
  return Object.fromEntries(
    links.flatMap(({ replica, generation, keys }) => {
      const name = linkName(replica, generation)
      return [
        [`${name}.key`, keys[own].privateKey],
        [`${name}.preshared`, keys.presharedKey],
      ]
    }),
  )
}

function relayFiles(directory: string) {
  return {
    certificateFile: `${directory}/relay.crt`,
    keyFile: `${directory}/relay.key`,
    caFile: `${directory}/relay-ca.crt`,
  }
}

function certificateFiles(authority: string, certificate: SecretData): SecretData {
  return {
    'relay.crt': certificate['tls.crt'] ?? '',
    'relay.key': certificate['tls.key'] ?? '',
    'relay-ca.crt': authority,
  }
}

function replicas(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index)
}
