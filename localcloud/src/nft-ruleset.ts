import { type CloudNetwork, coreAddress, type NetworkState } from './cloud-network.ts'
import { bridgeName, uplinkName } from './names.ts'
import type { LoadBalancerRecord } from './records.ts'

/** Marks packets from inside the network to one of its own load balancers, so that they return through the gateway. */
const hairpinMark = '0x1'
/** Time to live of a packet that its sender has just made; one that a server forwards for a pod has less. */
const freshTimeToLive = 64
/** Address at which servers are told about themselves. */
export const metadataAddress = '169.254.169.254'

/**
 * The rules of one network as input of `nft -f`: replaces the whole table in one transaction, so no packet sees half of it, and connections
 * that are under way keep the translation they began with.
 */
export function rulesetOf(cloud: CloudNetwork, state: NetworkState): string {
  return [
    'table ip cloud',
    'delete table ip cloud',
    'table ip cloud {',
    ...indent([
      ...serverMap(state),
      ...chain('prerouting', 'type nat hook prerouting priority dstnat; policy accept;', [
        `iifname "${bridgeName}" ip daddr ${metadataAddress} tcp dport 80 ip ttl ${freshTimeToLive} dnat to ${coreAddress(cloud.publicRange)}:${cloud.metadataPort}`,
        ...state.loadBalancers.flatMap(balance(state)),
      ]),
      ...chain('forward', 'type filter hook forward priority filter; policy drop;', forwarding(cloud)),
      ...chain('postrouting', 'type nat hook postrouting priority srcnat; policy accept;', [
        `oifname "${bridgeName}" meta mark ${hairpinMark} masquerade`,
        `oifname "${uplinkName}" snat to ip saddr map @server_public`,
        `oifname "${uplinkName}" masquerade`,
      ]),
    ]),
    '}',
    '',
  ].join('\n')
}

/** Inside the network everything passes; out of it only towards the public network; into it only what a load balancer or an answer brings. */
function forwarding(cloud: CloudNetwork): readonly string[] {
  return [
    `iifname "${bridgeName}" oifname "${bridgeName}" accept`,
    `iifname "${bridgeName}" oifname "${uplinkName}" ip daddr ${cloud.publicRange.text} accept`,
    `iifname "${bridgeName}" oifname "${uplinkName}" reject with icmp type net-unreachable`,
    `iifname "${uplinkName}" oifname "${bridgeName}" ct state established,related accept`,
    `iifname "${uplinkName}" oifname "${bridgeName}" ct status dnat accept`,
  ]
}

function serverMap(state: NetworkState): readonly string[] {
  const pairs = state.servers.map((server) => `${server.privateAddress} : ${server.publicAddress}`)
  return [
    'map server_public {',
    ...indent(['type ipv4_addr : ipv4_addr', ...(pairs.length > 0 ? [`elements = { ${pairs.join(', ')} }`] : [])]),
    '}',
  ]
}

/** A listener without targets has no rule: the gateway itself then refuses the connection at once. */
function balance(state: NetworkState): (balancer: LoadBalancerRecord) => readonly string[] {
  const addresses = new Map(state.servers.map((server) => [server.id, server.privateAddress]))
  return (balancer) => {
    const targets = balancer.targets.flatMap((id) => addresses.get(id) ?? [])
    if (targets.length === 0) return []
    return [
      `iifname "${bridgeName}" ip daddr ${balancer.address} meta mark set ${hairpinMark}`,
      ...balancer.listeners.map((listener) => {
        const protocol = listener.protocol.toLowerCase()
        const match = `ip daddr ${balancer.address} ${protocol} dport ${listener.port}`
        return `${match} dnat to ${choice(targets, listener.protocol)}:${listener.targetPort}`
      }),
    ]
  }
}

/** TCP connections go round in turn; datagrams of one sender stay with one target even after the translation was forgotten. */
function choice(targets: readonly string[], protocol: 'TCP' | 'UDP'): string {
  const [only] = targets
  if (targets.length === 1 && only !== undefined) return only
  const numbered = targets.map((address, index) => `${index} : ${address}`).join(', ')
  const number = protocol === 'TCP' ? 'numgen inc' : 'jhash ip saddr . udp sport'
  return `${number} mod ${targets.length} map { ${numbered} }`
}

function chain(name: string, hook: string, rules: readonly string[]): readonly string[] {
  return [`chain ${name} {`, ...indent([hook, ...rules]), '}']
}

function indent(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`)
}
