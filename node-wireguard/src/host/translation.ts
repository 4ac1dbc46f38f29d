import { familyOf } from '../address.ts'
import type { HostConfiguration, NetworkMapping, RemoteMapping } from './configuration.ts'
import { byFamily, type Chain, familyWord, matchAddress, quotedNames } from './nftables.ts'

/** The chains that change addresses; none when nothing passes through and no network has another name. */
export function translationChains(configuration: HostConfiguration): Chain[] {
  const names = quotedNames(configuration.links.map((link) => link.interfaceName))
  const { own, remote } = configuration.firewall.translation ?? { own: [], remote: [] }
  const chains: Chain[] = [
    {
      name: 'prerouting',
      hook: 'type nat hook prerouting priority dstnat',
      rules: mappingRules(own, 'dnat', `iifname ${names}`),
    },
    {
      name: 'output',
      // A number, because the word is not understood at this hook by every nft in use.
      hook: 'type nat hook output priority -100',
      rules: remoteRules(remote),
    },
    {
      name: 'postrouting',
      hook: 'type nat hook postrouting priority srcnat',
      rules: [
        ...mappingRules(own, 'snat', `oifname ${names}`),
        ...(remote.length === 0 ? [] : sourceRules(configuration, names)),
        ...(configuration.firewall.forwardTo.length === 0 ? [] : [`iifname ${names} oifname != ${names} masquerade`]),
      ],
    },
  ]
  return chains.filter(({ rules }) => rules.length > 0)
}

/** One rule per family: its map keeps the host part of each address. */
function mappingRules(mappings: readonly NetworkMapping[], verb: 'dnat' | 'snat', condition: string): string[] {
  const side = verb === 'dnat' ? 'daddr' : 'saddr'
  return ([4, 6] as const).flatMap((family) => {
    const pairs = mappings
      .filter(({ real }) => familyOf(real) === family)
      .map(({ real, mapped }) => (verb === 'dnat' ? `${mapped} : ${real}` : `${real} : ${mapped}`))
    const word = family === 6 ? 'ip6' : 'ip'
    return pairs.length === 0
      ? []
      : [`${condition} ${verb} ${word} prefix to ${word} ${side} map { ${pairs.join(', ')} }`]
  })
}

/** One rule per mapping, since each may be of another group of processes. */
function remoteRules(mappings: readonly RemoteMapping[]): string[] {
  return mappings.map(({ real, mapped, groupId }) => {
    const word = familyWord(real)
    const group = groupId === undefined ? '' : `meta skgid ${groupId} `
    return `${group}${word} daddr ${real} dnat ${word} prefix to ${word} daddr map { ${real} : ${mapped} }`
  })
}

/**
 * A process chose its source address for the network's real name, before the packet was turned into the tunnel; there only the tunnel's
 * own addresses are known.
 */
function sourceRules({ addresses, links }: HostConfiguration, names: string): string[] {
  // In an order that stays when links change places.
  const ofLinks = links.flatMap((link) => link.addresses ?? []).sort()
  return byFamily(addresses).flatMap((group) => {
    const [first] = group
    if (first === undefined) return []
    const own = [...group, ...ofLinks.filter((address) => familyOf(address) === familyOf(first))]
    return [`oifname ${names} ${matchAddress('saddr', own).replace('{', '!= {')} snat ${familyWord(first)} to ${first}`]
  })
}
