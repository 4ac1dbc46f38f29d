import { type Blueprint, relayServerName } from '../shoot/blueprint.ts'
import {
  type LinkPlace,
  linkPlaces,
  linkPort,
  linkSlot,
  relayPort,
  relayTargetPort,
  replicaName,
  tunnelDoorPort,
  upTo,
} from '../shoot/tunnel-ports.ts'
import type { SecretData } from './secret-store.ts'
import {
  type LinkKeys,
  linkKeysIn,
  linkName,
  mostApiServerReplicas,
  mostTunnelReplicas,
  type TunnelGeneration,
} from './tunnel-generations.ts'

/**
 * Addresses of the ends inside the tunnel, whatever link carries. Every tunnel has network namespaces of its own at both ends, so those of all shoots may be alike:
 * 192.168.123.1 is the first API server's and .17 the next one's, .2 and .3 are those of vpn-shoot; from .128 on each link has four.
 */
const seedAddress = (replica: number) => `192.168.123.${1 + 16 * replica}`
const shootAddress = (replica: number) => `192.168.123.${2 + replica}`

/** Every address that a tunnel may have. */
export const tunnelAddresses: readonly string[] = [
  ...upTo(mostApiServerReplicas).map(seedAddress),
  ...upTo(mostTunnelReplicas).map(shootAddress),
  ...upTo(mostApiServerReplicas).flatMap((seedReplica) =>
    upTo(mostTunnelReplicas).flatMap((shootReplica) =>
      [0, 1].flatMap((generation) => Object.values(linkAddresses({ seedReplica, shootReplica, generation }))),
    ),
  ),
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

/** Contents of the Secret `vpn-seed`, or `vpn-seed-1`…: the whole directory of an end beside an API server, which waits to be dialled. It has the keys of its own links alone. */
export function tunnelSeedSecret(inputs: TunnelFilesInputs, replica: number): SecretData {
  const links = linksOf(inputs).filter(({ seedReplica }) => seedReplica === replica)
  const files = relayFiles(directories.seed)
  return {
    'config.json': JSON.stringify({
      ...common(inputs.blueprint),
      tunnelAddresses: [seedAddress(replica)],
      links: links.map((link) => ({ ...entryOf(link, 'seed'), listenPort: linkPort(link) })),
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
  const configurations = upTo(blueprint.tunnelReplicas).map((replica): [string, string] => [
    `config-${replica}.json`,
    JSON.stringify({
      ...common(blueprint),
      tunnelAddresses: [shootAddress(replica)],
      links: links.filter(({ shootReplica }) => shootReplica === replica).map((link) => dialling(link, inputs)),
    }),
  ])
  return {
    ...Object.fromEntries(configurations),
    ...keyFiles(links, 'shoot'),
    ...certificateFiles(inputs.authority, inputs.clientCertificate),
  }
}

interface Link extends LinkPlace {
  readonly keys: LinkKeys
}

type Side = 'seed' | 'shoot'
const otherSide = { seed: 'shoot', shoot: 'seed' } as const

function linksOf({ blueprint, keys, generations }: TunnelFilesInputs): readonly Link[] {
  return linkPlaces(blueprint, generations).map((place) => ({ ...place, keys: linkKeysIn(keys, place) }))
}

function entryOf(link: Link, own: Side) {
  const other = otherSide[own]
  const { seedReplica, shootReplica, generation, keys } = link
  const addresses = linkAddresses(link)
  return {
    interface: `vpn${shootReplica}${seedReplica === 0 ? '' : `s${seedReplica}`}-${generation % 1000}`,
    privateKeyFile: `${directories[own]}/${linkName(link)}.key`,
    addresses: [addresses[own]],
    peer: {
      name: own === 'seed' ? `vpn-shoot-${shootReplica}` : replicaName('vpn-seed', seedReplica),
      publicKey: keys[other].publicKey,
      presharedKeyFile: `${directories[own]}/${linkName(link)}.preshared`,
      addresses: [addresses[other]],
      tunnelAddresses: [own === 'seed' ? shootAddress(shootReplica) : seedAddress(seedReplica)],
    },
  }
}

function dialling(link: Link, { blueprint, frontDoor, tunnelDoor }: TunnelFilesInputs) {
  const entry = entryOf(link, 'shoot')
  const host = tunnelDoor ?? frontDoor
  const port = tunnelDoor === undefined ? linkPort(link) : tunnelDoorPort
  const fallback = {
    endpoint: `${host}:${relayPort}`,
    serverName: relayServerName(blueprint.technicalId, link.seedReplica),
    ...relayFiles(directories.shoot),
  }
  return { ...entry, peer: { ...entry.peer, endpoint: `${host}:${port}`, fallback } }
}

/** Between which a link's ends probe. Links that are there at once differ. */
function linkAddresses(link: LinkPlace): Readonly<Record<Side, string>> {
  const first = 128 + 4 * linkSlot(link)
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
    links.flatMap((link) => {
      const name = linkName(link)
      const { keys } = link
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
