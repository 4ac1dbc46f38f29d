import { sourceNetworkBits } from '../udp/source.ts'
import type { Rate } from '../udp/token-bucket.ts'

/** The table that the front door has to itself. */
export const tableName = 'trellis_front_door'

/** What the rules depend on. */
export interface RulesetOptions {
  /** UDP port of the door. */
  readonly port: number
  /** How many handshakes of one network may reach the program, and how many packets of its unknown sources besides. */
  readonly perNetwork: Rate
}

/** Networks whose rate is watched at a time; what is watched is forgotten after a minute of silence. */
const networksWatched = 16_384

/**
 * The table as text for `nft -f`, without elements. How it works:
 * - `flows` says to which zone a source belongs, and `backends` which target a zone is. The zone is part of what conntrack knows a connection by, so a source that is given another zone
 *   begins a new connection with its next packet, to the new target, whatever conntrack still has of the old one.
 * - Packets of sources in `flows` are translated and forwarded; whatever else comes to the port is for the program and stays out of conntrack, and so do the program's answers.
 * - Every handshake initiation is for the program, of known sources too: it alone can tell whether a NAT has given the port to a client of somebody else.
 * - Nothing else is forwarded.
 */
export function rulesetText({ port, perNetwork }: RulesetOptions): string {
  const limit = `limit rate over ${perNetwork.perSecond}/second burst ${perNetwork.burst} packets`
  const toDoor = `fib daddr type local udp dport ${port}`
  const meter = (name: string, family: 4 | 6) => `
  set ${name}${family} {
    type ipv${family}_addr
    flags dynamic,timeout
    timeout 1m
    size ${networksWatched}
  }`
  return `add table inet ${tableName}
delete table inet ${tableName}
table inet ${tableName} {
  map flows4 {
    typeof ip saddr . udp sport : ct original zone
    size 262144
    counter
  }
  map flows6 {
    typeof ip6 saddr . udp sport : ct original zone
    size 262144
    counter
  }
  map backends4 {
    typeof ct original zone : ip daddr . udp dport
  }
  map backends6 {
    typeof ct original zone : ip6 daddr . udp dport
  }${(['askers', 'strangers'] as const).flatMap((name) => [meter(name, 4), meter(name, 6)]).join('')}
  counter flooding {
  }
  chain asking {
    update @askers4 { ip saddr & ${mask4} ${limit} } counter name flooding drop
    update @askers6 { ip6 saddr & ${mask6} ${limit} } counter name flooding drop
    notrack
    accept
  }
  chain strange {
    update @strangers4 { ip saddr & ${mask4} ${limit} } counter name flooding drop
    update @strangers6 { ip6 saddr & ${mask6} ${limit} } counter name flooding drop
    notrack
    accept
  }
  chain arriving {
    @th,64,32 0x01000000 goto asking
    ct original zone set ip saddr . udp sport map @flows4 accept
    ct original zone set ip6 saddr . udp sport map @flows6 accept
    goto strange
  }
  chain before_tracking {
    type filter hook prerouting priority raw; policy accept;
    ${toDoor} jump arriving
  }
  chain own_answers {
    type filter hook output priority raw; policy accept;
    udp sport ${port} notrack
  }
  chain destination {
    type nat hook prerouting priority dstnat; policy accept;
    ${toDoor} dnat ip to ct original zone map @backends4
    ${toDoor} dnat ip6 to ct original zone map @backends6
  }
  chain origin {
    type nat hook postrouting priority srcnat; policy accept;
    ct status dnat meta l4proto udp masquerade
  }
  chain passing {
    type filter hook forward priority filter; policy drop;
    ct status dnat meta l4proto udp accept
  }
}
`
}

const mask4 = Array.from({ length: 4 }, (_, index) => (index < sourceNetworkBits[4] / 8 ? 255 : 0)).join('.')
const mask6 = `${Array.from({ length: sourceNetworkBits[6] / 16 }, () => 'ffff').join(':')}::`
