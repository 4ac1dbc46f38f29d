import { createHash } from 'node:crypto'
import { type Cidr, familyOf, type IpAddress } from '../address.ts'
import type { HostConfiguration } from './configuration.ts'

/** The rules of one table as text for `nft -f`, and a mark of them that can be found in the kernel's listing. */
export interface Ruleset {
  readonly text: string
  /** Name of an empty chain in the table that carries a digest of the rules: how a repeat sees that nothing has to be done. */
  readonly mark: string
}

/**
 * The firewall of one end of a tunnel, both families:
 * - from the tunnel to this host: answers, and the other end's probes; nothing else, so the far side can never begin a connection;
 * - to the tunnel's addresses by any other way: nothing (somebody on the local network could otherwise pretend to be the far end);
 * - through this host: from the tunnel to the given networks and the answers, never from elsewhere into the tunnel;
 *   the source becomes this host's address, on whatever interface the packet leaves;
 * - TCP segments that pass are clamped to the path's size in both directions.
 */
export function rulesetOf(configuration: HostConfiguration): Ruleset {
  const { tableName } = configuration.firewall
  const chains = [...inputChain(configuration), ...forwardChain(configuration), ...natChain(configuration)]
  const mark = `digest_${createHash('sha256').update(chains.join('\n')).digest('hex').slice(0, 24)}`
  const text = [
    // Adding before deleting makes the deletion valid when there is no table yet; the three are one transaction.
    `add table inet ${tableName}`,
    `delete table inet ${tableName}`,
    `table inet ${tableName} {`,
    ...chains.map((line) => `  ${line}`),
    `  chain ${mark} {`,
    '  }',
    '}',
    '',
  ].join('\n')
  return { text, mark }
}

function inputChain({ interfaceName, addresses, firewall }: HostConfiguration): string[] {
  return [
    'chain input {',
    '  type filter hook input priority filter; policy accept;',
    ...addresses.map((address) => `  iifname != { "${interfaceName}", "lo" } ${match('daddr', [address])} drop`),
    `  iifname != "${interfaceName}" accept`,
    '  ct state established,related accept',
    ...byFamily(firewall.peerAddresses).map(
      (peers) => `  ${match('saddr', peers)} udp dport ${firewall.probePort} accept`,
    ),
    '  counter drop',
    '}',
  ]
}

function forwardChain({ interfaceName, firewall }: HostConfiguration): string[] {
  const toTunnel = `oifname "${interfaceName}"`
  const fromTunnel = `iifname "${interfaceName}"`
  return [
    'chain forward {',
    '  type filter hook forward priority filter; policy accept;',
    `  ${toTunnel} tcp flags syn tcp option maxseg size set rt mtu`,
    `  ${fromTunnel} tcp flags syn tcp option maxseg size set rt mtu`,
    `  ${toTunnel} ct state established,related accept`,
    `  ${toTunnel} counter drop`,
    `  ${fromTunnel} ct state established,related accept`,
    ...byFamily(firewall.forwardTo).map((networks) => `  ${fromTunnel} ${match('daddr', networks)} accept`),
    `  ${fromTunnel} counter drop`,
    '}',
  ]
}

function natChain({ interfaceName, firewall }: HostConfiguration): string[] {
  if (firewall.forwardTo.length === 0) return []
  return [
    'chain postrouting {',
    '  type nat hook postrouting priority srcnat; policy accept;',
    `  iifname "${interfaceName}" oifname != "${interfaceName}" masquerade`,
    '}',
  ]
}

function byFamily<Address extends Cidr | IpAddress>(addresses: readonly Address[]): (readonly Address[])[] {
  return ([4, 6] as const)
    .map((family) => addresses.filter((address) => familyOf(address) === family))
    .filter((group) => group.length > 0)
}

function match(side: 'saddr' | 'daddr', addresses: readonly (Cidr | IpAddress)[]): string {
  const family = addresses[0] !== undefined && familyOf(addresses[0]) === 6 ? 'ip6' : 'ip'
  return `${family} ${side} { ${addresses.join(', ')} }`
}
