import { familyOf, hostCidr } from '../address.ts'
import type { DeviceConfiguration } from '../device.ts'
import type { ResolvedEndpoint } from '../endpoint.ts'
import type { HostConfiguration } from '../host/configuration.ts'
import type { TunnelSettings } from './settings.ts'

/** What the device should be. `endpoint` is where the other end is dialled now; undefined leaves what the device has learned. */
export function deviceConfiguration(
  settings: TunnelSettings,
  endpoint: ResolvedEndpoint | undefined,
): DeviceConfiguration {
  const { publicKey, presharedKey, keepaliveSeconds } = settings.peer
  return {
    privateKey: settings.privateKey,
    listenPort: settings.listenPort,
    peers: [
      {
        publicKey,
        presharedKey,
        endpoint,
        persistentKeepaliveSeconds: keepaliveSeconds,
        allowedAddresses: [...settings.peerAddresses.map(hostCidr), ...settings.networksBehindPeer],
      },
    ],
  }
}

/** What the network namespace should be. */
export function hostConfiguration(settings: TunnelSettings, maximumTransmissionUnit: number): HostConfiguration {
  const { interfaceName, tunnelAddresses, peerAddresses } = settings
  const destinations = [...peerAddresses.map(hostCidr), ...settings.networksBehindPeer]
  return {
    links: [{ interfaceName, maximumTransmissionUnit }],
    addresses: tunnelAddresses,
    routes: destinations.map((destination) => ({
      destination,
      source: tunnelAddresses.find((address) => familyOf(address) === familyOf(destination)),
    })),
    firewall: {
      tableName: `tunnel_${interfaceName.replaceAll(/[^A-Za-z0-9]/g, '_')}`,
      probePort: settings.probe.port,
      peerAddresses,
      forwardTo: settings.forwardTo,
    },
    forwarding: ([4, 6] as const).filter((family) => settings.forwardTo.some((cidr) => familyOf(cidr) === family)),
  }
}
