import { parseRange } from './addresses.ts'
import { type CloudNetwork, coreAddress, gatewayOf, type NetworkState } from './cloud-network.ts'
import type { Bridge, NamespaceConfiguration, Veth } from './host-network.ts'
import {
  bridgeName,
  namesOf,
  namespaceOf,
  outerLinkOf,
  publicBridgeName,
  serverLinkName,
  stableHardwareAddress,
  uplinkName,
} from './names.ts'
import { rulesetOf } from './nft-ruleset.ts'
import type { NetworkRecord, ServerRecord } from './records.ts'

/** What bridges carry is none of the IP layer's business: otherwise a load balancer's answer to its own target would be bridged back to where it came from, and dropped. */
const bridgeSysctls = {
  'net.bridge.bridge-nf-call-iptables': '0',
  'net.bridge.bridge-nf-call-ip6tables': '0',
  'net.bridge.bridge-nf-call-arptables': '0',
}

/** Forwarding is off in the core, so nothing passes from network to network except on the public bridge. */
const coreSysctls = {
  ...bridgeSysctls,
  'net.ipv4.ip_forward': '0',
  'net.ipv6.conf.all.disable_ipv6': '1',
  'net.ipv6.conf.default.disable_ipv6': '1',
}

/** The cloud's own namespace. The host's link into it is the launcher's, because only the host can make it. */
export function planCore(cloud: CloudNetwork): NamespaceConfiguration {
  const names = namesOf(cloud.instance)
  return {
    namespace: names.coreNamespace,
    sysctls: coreSysctls,
    links: [
      {
        kind: 'bridge',
        name: publicBridgeName,
        hardwareAddress: stableHardwareAddress(names.coreNamespace),
        addresses: [`${coreAddress(cloud.publicRange)}/${cloud.publicRange.prefixLength}`],
      },
    ],
    routes: [],
  }
}

/**
 * A network's namespace: a bridge that holds the gateway address, an uplink into the public bridge, and the rules between them.
 * Redirects are off because next hops of routes lie on the bridge the packet came from; reverse path filtering is off because pod
 * addresses come from servers.
 */
export function planNetwork(cloud: CloudNetwork, state: NetworkState): NamespaceConfiguration {
  const { network } = state
  const namespace = namespaceOf(cloud.instance, network.id)
  const bridge: Bridge = {
    kind: 'bridge',
    name: bridgeName,
    hardwareAddress: stableHardwareAddress(namespace),
    addresses: [`${gatewayOf(network.cidr)}/${parseRange(network.cidr, 'cidr').prefixLength}`],
  }
  const uplink: Veth = {
    kind: 'veth',
    name: uplinkName,
    hardwareAddress: stableHardwareAddress(`${namespace}/${uplinkName}`),
    peer: { namespace: namesOf(cloud.instance).coreNamespace, name: outerLinkOf(network.id), bridge: publicBridgeName },
    addresses: [
      `${network.publicAddress}/${cloud.publicRange.prefixLength}`,
      ...state.servers.map((server) => `${server.publicAddress}/32`),
      ...state.loadBalancers.map((balancer) => `${balancer.address}/32`),
    ],
  }
  return {
    namespace,
    sysctls: {
      ...bridgeSysctls,
      'net.ipv4.ip_forward': '1',
      'net.ipv4.conf.all.rp_filter': '0',
      'net.ipv4.conf.default.rp_filter': '0',
      'net.ipv4.conf.all.send_redirects': '0',
      'net.ipv4.conf.default.send_redirects': '0',
      'net.ipv6.conf.all.disable_ipv6': '1',
      'net.ipv6.conf.default.disable_ipv6': '1',
    },
    links: [bridge, uplink],
    routes: [
      { destination: 'default', via: coreAddress(cloud.publicRange), device: uplinkName },
      ...state.routes.flatMap((route) => {
        const hop = state.servers.find((server) => server.id === route.nextHopServer)
        return hop === undefined
          ? []
          : [{ destination: route.destination, via: hop.privateAddress, device: bridgeName }]
      }),
    ],
    ruleset: rulesetOf(cloud, state),
  }
}

/** A server's namespace: one interface with a static address, and the way out. The container is started into it. */
export function planServer(cloud: CloudNetwork, network: NetworkRecord, server: ServerRecord): NamespaceConfiguration {
  const namespace = namespaceOf(cloud.instance, server.id)
  const prefixLength = parseRange(network.cidr, 'cidr').prefixLength
  return {
    namespace,
    sysctls: { 'net.ipv4.conf.all.rp_filter': '0', 'net.ipv4.conf.default.rp_filter': '0' },
    links: [
      {
        kind: 'veth',
        name: serverLinkName,
        hardwareAddress: stableHardwareAddress(namespace),
        peer: {
          namespace: namespaceOf(cloud.instance, network.id),
          name: outerLinkOf(server.id),
          bridge: bridgeName,
        },
        addresses: [`${server.privateAddress}/${prefixLength}`],
      },
    ],
    routes: [{ destination: 'default', via: gatewayOf(network.cidr), device: serverLinkName }],
  }
}
