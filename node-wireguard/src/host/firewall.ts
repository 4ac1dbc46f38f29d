import { createHash } from 'node:crypto'
import type { HostConfiguration } from './configuration.ts'
import { byFamily, type Chain, matchAddress, quotedNames } from './nftables.ts'
import { translationChains } from './translation.ts'

/** The rules of one table as text for `nft -f`, and what the kernel's listing of it must show. */
export interface Ruleset {
  readonly text: string
  /** Name of an empty chain in the table that carries a digest of the rules: how a repeat sees that they are the same. */
  readonly mark: string
  /** Every chain and how many rules it has: how a repeat sees that none was taken away. */
  readonly chains: ReadonlyMap<string, number>
}

/**
 * The firewall of one end of a tunnel, both families:
 * - from the tunnel to this host: answers, and the other end's probes; nothing else, so the far side can never begin a connection;
 * - to the tunnel's addresses by any other way: nothing (somebody on the local network could otherwise pretend to be the far end);
 * - through this host: from the tunnel to the given networks and the answers, never from elsewhere into the tunnel;
 *   the source becomes this host's address, on whatever interface the packet leaves;
 * - TCP segments that pass are clamped to the path's size in both directions;
 * - networks that both sides have are called by their other names inside the tunnel.
 */
export function rulesetOf(configuration: HostConfiguration): Ruleset {
  const { tableName } = configuration.firewall
  const chains = [inputChain(configuration), forwardChain(configuration), ...translationChains(configuration)]
  const lines = chains.flatMap(({ name, hook, rules }) => [
    `chain ${name} {`,
    `  ${hook}; policy accept;`,
    ...rules.map((rule) => `  ${rule}`),
    '}',
  ])
  const mark = `digest_${createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 24)}`
  const text = [
    removalOf(tableName),
    `table inet ${tableName} {`,
    ...[...lines, `chain ${mark} {`, '}'].map((line) => `  ${line}`),
    '}',
    '',
  ].join('\n')
  return { text, mark, chains: new Map([...chains.map(({ name, rules }) => [name, rules.length] as const), [mark, 0]]) }
}

/** Removes a table whether there is one or not: adding before deleting makes the deletion valid. What follows is part of the same transaction. */
export function removalOf(tableName: string): string {
  return `add table inet ${tableName}\ndelete table inet ${tableName}`
}

function inputChain(configuration: HostConfiguration): Chain {
  const { links, addresses, firewall } = configuration
  const names = links.map((link) => link.interfaceName).sort()
  const own = [...addresses, ...links.flatMap((link) => link.addresses ?? []).sort()]
  return {
    name: 'input',
    hook: 'type filter hook input priority filter',
    rules: [
      ...own.map((address) => `iifname != { ${quoted([...names, 'lo'])} } ${matchAddress('daddr', [address])} drop`),
      `iifname != ${quotedNames(names)} accept`,
      'ct state established,related accept',
      ...byFamily(firewall.peerAddresses).map(
        (peers) => `${matchAddress('saddr', peers)} udp dport ${firewall.probePort} accept`,
      ),
      'counter drop',
    ],
  }
}

function forwardChain({ links, firewall }: HostConfiguration): Chain {
  const names = quotedNames(links.map((link) => link.interfaceName))
  const [toTunnel, fromTunnel] = [`oifname ${names}`, `iifname ${names}`]
  return {
    name: 'forward',
    hook: 'type filter hook forward priority filter',
    rules: [
      `${toTunnel} tcp flags syn tcp option maxseg size set rt mtu`,
      `${fromTunnel} tcp flags syn tcp option maxseg size set rt mtu`,
      `${toTunnel} ct state established,related accept`,
      `${toTunnel} counter drop`,
      `${fromTunnel} ct state established,related accept`,
      ...byFamily(firewall.forwardTo).map((networks) => `${fromTunnel} ${matchAddress('daddr', networks)} accept`),
      `${fromTunnel} counter drop`,
    ],
  }
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ')
}
