import { hostCidr } from '../address.ts'
import { checkHost } from './check.ts'
import type { HostConfiguration, HostLink } from './configuration.ts'
import { rulesetOf } from './firewall.ts'
import { refuseOverlap, routeSteps, ruleSteps } from './routing-plan.ts'
import type { HostSnapshot, LinkSnapshot } from './snapshot.ts'

/** One step towards a configuration. */
export type HostStep =
  /** Run `ip` with these arguments. */
  | { readonly kind: 'ip'; readonly args: readonly string[] }
  /** Load these rules in one transaction. */
  | { readonly kind: 'firewall'; readonly ruleset: string }
  /** Let packets that come in through this interface pass on. */
  | { readonly kind: 'forwarding'; readonly family: 4 | 6; readonly interfaceName: string }
  /** Take packets from this interface although their answers leave by another of the tunnel's. */
  | { readonly kind: 'loose-reverse-path'; readonly interfaceName: string }

/**
 * The steps from what is to what should be; empty when nothing differs. The firewall comes first, so that no packet ever passes
 * unfiltered, and the routes last, so that nothing is sent into a tunnel that cannot carry it.
 * Throws `Invalid` when the configuration contradicts itself, or when a network behind the tunnel is one that another interface reaches.
 */
export function planHost(snapshot: HostSnapshot, wanted: HostConfiguration): readonly HostStep[] {
  checkHost(wanted)
  refuseOverlap(snapshot, wanted)
  return [
    ...firewallSteps(snapshot, wanted),
    ...forwardingSteps(snapshot, wanted),
    ...wanted.links.flatMap((link) => linkSteps(snapshot.links.get(link.interfaceName), link, wanted)),
    ...routeSteps(snapshot, wanted),
    ...ruleSteps(snapshot, wanted),
  ]
}

/** Nothing when the table carries our mark and as many rules as it was given. */
function firewallSteps(snapshot: HostSnapshot, wanted: HostConfiguration): HostStep[] {
  const { text, chains } = rulesetOf(wanted)
  const whole = [...chains].every(([name, rules]) => snapshot.chains?.get(name) === rules)
  return whole && snapshot.chains?.size === chains.size ? [] : [{ kind: 'firewall', ruleset: text }]
}

function forwardingSteps(snapshot: HostSnapshot, wanted: HostConfiguration): HostStep[] {
  const names = { 4: [...snapshot.links.keys(), ...snapshot.otherInterfaces], 6: ['all'] } as const
  return wanted.forwarding.flatMap((family) =>
    names[family]
      .filter((name) => snapshot.forwardingOff.includes(`${family}:${name}`))
      .map((interfaceName): HostStep => ({ kind: 'forwarding', family, interfaceName })),
  )
}

function linkSteps(present: LinkSnapshot | undefined, link: HostLink, wanted: HostConfiguration): HostStep[] {
  const { interfaceName, maximumTransmissionUnit: mtu } = link
  const words = [
    ...(present?.maximumTransmissionUnit === mtu ? [] : ['mtu', String(mtu)]),
    ...(present?.up ? [] : ['up']),
  ]
  const loosen = wanted.links.length > 1 && present?.strictReversePath === true
  return [
    ...(loosen ? [{ kind: 'loose-reverse-path' as const, interfaceName }] : []),
    ...(words.length === 0 ? [] : [ip('link', 'set', 'dev', interfaceName, ...words)]),
    ...addressSteps(present, link, wanted),
  ]
}

function addressSteps(present: LinkSnapshot | undefined, link: HostLink, wanted: HostConfiguration): HostStep[] {
  const device = ['dev', link.interfaceName]
  const wantedCidrs: readonly string[] = [...wanted.addresses, ...(link.addresses ?? [])].map(hostCidr)
  const there = (present?.addresses ?? []).map(({ address, prefixLength }) => `${address}/${prefixLength}`)
  return [
    ...there
      .filter((cidr) => !wantedCidrs.includes(cidr))
      .map((cidr): HostStep => ip('address', 'delete', cidr, ...device)),
    ...wantedCidrs
      .filter((cidr) => !there.includes(cidr))
      .map((cidr): HostStep => {
        // Nobody else can have the address on a point-to-point link, so detection of duplicates would only delay it.
        const detection = cidr.includes(':') ? ['nodad'] : []
        return ip('address', 'replace', cidr, ...device, ...detection)
      }),
  ]
}

function ip(...args: readonly string[]): HostStep {
  return { kind: 'ip', args }
}
