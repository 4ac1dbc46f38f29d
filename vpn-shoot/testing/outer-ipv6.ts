import { type Landscape, places } from 'node-wireguard/testing/landscape'
import type { Namespace } from 'node-wireguard/testing/namespaces'
import { relayPort } from './fallback.ts'

/** Where the front door is when there is only IPv6 outside. */
export const outerDoorAddress = 'fd00:198::10'

/** Takes IPv4 off everything outside of the shoot, and puts IPv6 there: seed, front door, and the way from the shoot's end to it. */
export async function moveOutsideToIpv6({ seed, door, node, vpn }: Landscape): Promise<void> {
  for (const namespace of [seed, door]) await namespace.run('ip', '-4', 'address', 'flush', 'scope', 'global')
  await node.run('ip', '-4', 'route', 'delete', 'default')
  await add(seed, 'eth0', 'fd00:1::2')
  await add(door, 'seed', 'fd00:1::1')
  await add(door, 'shoot', 'fd00:250::1')
  await add(node, 'eth0', 'fd00:250::5')
  await add(vpn, 'eth0', 'fd00:96::2')
  await add(node, 'pod2', 'fd00:96::1')
  await door.run('ip', '-6', 'address', 'add', `${outerDoorAddress}/128`, 'dev', 'lo')
  await seed.run('ip', '-6', 'route', 'add', 'default', 'via', 'fd00:1::1')
  await node.run('ip', '-6', 'route', 'add', 'default', 'via', 'fd00:250::1')
  await vpn.run('ip', '-6', 'route', 'add', 'default', 'via', 'fd00:96::1')
  await door.run('ip', '-6', 'route', 'add', 'fd00:96::/64', 'via', 'fd00:250::5')
  for (const router of [door, node]) await router.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1')
  await door.feed(rules, 'nft', '-f', '-')
}

async function add(namespace: Namespace, interfaceName: string, address: string): Promise<void> {
  await namespace.run('ip', '-6', 'address', 'add', `${address}/64`, 'dev', interfaceName, 'nodad')
}

const rules = `
delete table ip front
table ip6 front {
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    ip6 daddr ${outerDoorAddress} udp dport ${places.doorPort} dnat to [fd00:1::2]:${places.doorPort}
    ip6 daddr ${outerDoorAddress} tcp dport 443 dnat to [fd00:1::2]:${relayPort}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    iifname "shoot" oifname "seed" masquerade
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    ct status dnat accept
  }
}
`
