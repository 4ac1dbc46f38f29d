import { type Cidr, familyOf, hostCidr, type IpAddress } from '../address.ts'
import type { DeviceConfiguration } from '../device.ts'
import type { ResolvedEndpoint } from '../endpoint.ts'
import type { HostConfiguration, HostLink, HostRoute } from '../host/configuration.ts'
import type { LinkSettings, TunnelSettings } from './settings.ts'

/** What is reached by a link: the networks behind the other end, or where there are none, the other end itself. */
export function destinationsOf({ networksBehindPeers }: TunnelSettings, { peer }: LinkSettings): readonly Cidr[] {
  return networksBehindPeers.length > 0 ? networksBehindPeers : peer.tunnelAddresses.map(hostCidr)
}

/** What a link's device should be. `endpoint` is where the other end is dialled now; undefined leaves what the device has learned. */
export function deviceConfiguration(
  settings: TunnelSettings,
  link: LinkSettings,
  endpoint: ResolvedEndpoint | undefined,
): DeviceConfiguration {
  const { publicKey, presharedKey, keepaliveSeconds, addresses, tunnelAddresses } = link.peer
  return {
    privateKey: link.privateKey,
    listenPort: link.listenPort,
    peers: [
      {
        publicKey,
        presharedKey,
        endpoint,
        persistentKeepaliveSeconds: keepaliveSeconds,
        allowedAddresses: [...[...addresses, ...tunnelAddresses].map(hostCidr), ...settings.networksBehindPeers],
      },
    ],
  }
}

/** What the firewall's table is called, and what is written on the interfaces. */
export function ownerOf({ name }: Pick<TunnelSettings, 'name'>): string {
  return `tunnel_${name}`
}

/** One link of a host. */
export interface WantedLink {
  readonly link: LinkSettings
  /** The largest packet that the interface takes. */
  readonly maximumTransmissionUnit: number
  /** The largest packet that is sent by it, apart from the probes that look for it. */
  readonly size: number
}

/**
 * What the network namespace should be. `carriers` says by which link each destination is reached. `former` are interfaces that are about to be
 * removed: nothing leads to them, and what comes from them is filtered still.
 */
export function hostConfiguration(
  settings: TunnelSettings,
  links: readonly WantedLink[],
  carriers: ReadonlyMap<Cidr, string>,
  former: readonly HostLink[] = [],
): HostConfiguration {
  const { tunnelAddresses, forwardTo, translation } = settings
  const { groupId } = translation
  return {
    links: [
      ...links.map(({ link, maximumTransmissionUnit }) => ({
        interfaceName: link.interfaceName,
        maximumTransmissionUnit,
        addresses: link.addresses,
      })),
      ...former,
    ],
    addresses: tunnelAddresses,
    routes: [
      ...links.flatMap(({ link }) => probeRoutes(link)),
      ...[...carriers].map(([destination, interfaceName]) => ({
        destination,
        interfaceName,
        source: ofFamily(tunnelAddresses, destination),
        maximumTransmissionUnit: sizeBy(links, interfaceName),
      })),
    ],
    firewall: {
      tableName: ownerOf(settings),
      probePort: settings.probe.port,
      peerAddresses: links.flatMap(({ link }) => link.peer.addresses),
      forwardTo,
      translation: {
        own: translation.own,
        remote: translation.remote.map((mapping) => (groupId === undefined ? mapping : { ...mapping, groupId })),
      },
    },
    forwarding: ([4, 6] as const).filter((family) => forwardTo.some((cidr) => familyOf(cidr) === family)),
  }
}

/** Undefined where the interface says it already. */
function sizeBy(links: readonly WantedLink[], interfaceName: string): number | undefined {
  const found = links.find(({ link }) => link.interfaceName === interfaceName)
  return found === undefined || found.size === found.maximumTransmissionUnit ? undefined : found.size
}

/** Probes go by their own link, whichever carries. */
function probeRoutes({ interfaceName, addresses, peer }: LinkSettings): readonly HostRoute[] {
  return peer.addresses.map((address) => {
    const destination = hostCidr(address)
    return { destination, interfaceName, source: ofFamily(addresses, destination) }
  })
}

function ofFamily(addresses: readonly IpAddress[], destination: Cidr): IpAddress | undefined {
  return addresses.find((address) => familyOf(address) === familyOf(destination))
}
