import { Failure } from '@trellis/foundation/failure'
import { familyOf, hostCidr, overlap } from '../address.ts'
import type { HostConfiguration } from './configuration.ts'
import { rulesetOf } from './firewall.ts'
import type { HostSnapshot } from './snapshot.ts'

/** One step towards a configuration. */
export type HostStep =
  /** Run `ip` with these arguments. */
  | { readonly kind: 'ip'; readonly args: readonly string[] }
  /** Load these rules in one transaction. */
  | { readonly kind: 'firewall'; readonly ruleset: string }
  /** Let packets that come in through this interface pass on. */
  | { readonly kind: 'forwarding'; readonly family: 4 | 6; readonly interfaceName: string }

/**
 * The steps from what is to what should be; empty when nothing differs. The firewall comes first, so that no packet ever passes
 * unfiltered, and the routes last, so that nothing is sent into a tunnel that cannot carry it.
 * Throws `Invalid` when a network behind the tunnel is one that another interface reaches: taking it over would cut this host off.
 */
export function planHost(snapshot: HostSnapshot, wanted: HostConfiguration): readonly HostStep[] {
  refuseOverlap(snapshot, wanted)
  return [
    ...firewallSteps(snapshot, wanted),
    ...forwardingSteps(snapshot, wanted),
    ...linkSteps(snapshot, wanted),
    ...addressSteps(snapshot, wanted),
    ...routeSteps(snapshot, wanted),
  ]
}

function refuseOverlap(snapshot: HostSnapshot, wanted: HostConfiguration): void {
  for (const { destination } of wanted.routes) {
    const taken = snapshot.foreignRoutes.find((route) => overlap(route.destination, destination))
    if (taken === undefined) continue
    throw new Failure('Invalid', `${destination} overlaps with ${taken.destination} behind ${taken.interfaceName}`, {
      field: 'networks',
      remedy: 'both sides of a tunnel need networks of their own',
    })
  }
}

function firewallSteps(snapshot: HostSnapshot, wanted: HostConfiguration): HostStep[] {
  const { text, mark } = rulesetOf(wanted)
  return snapshot.chains?.includes(mark) ? [] : [{ kind: 'firewall', ruleset: text }]
}

function forwardingSteps(snapshot: HostSnapshot, wanted: HostConfiguration): HostStep[] {
  const names = { 4: [wanted.interfaceName, ...snapshot.otherInterfaces], 6: ['all'] } as const
  return wanted.forwarding.flatMap((family) =>
    names[family]
      .filter((name) => snapshot.forwardingOff.includes(`${family}:${name}`))
      .map((interfaceName): HostStep => ({ kind: 'forwarding', family, interfaceName })),
  )
}

function linkSteps(snapshot: HostSnapshot, wanted: HostConfiguration): HostStep[] {
  const mtu = wanted.maximumTransmissionUnit
  const words = [
    ...(snapshot.maximumTransmissionUnit === mtu ? [] : ['mtu', String(mtu)]),
    ...(snapshot.up ? [] : ['up']),
  ]
  return words.length === 0 ? [] : [{ kind: 'ip', args: ['link', 'set', 'dev', wanted.interfaceName, ...words] }]
}

function addressSteps(snapshot: HostSnapshot, wanted: HostConfiguration): HostStep[] {
  const device = ['dev', wanted.interfaceName]
  const wantedCidrs: readonly string[] = wanted.addresses.map(hostCidr)
  const present = snapshot.addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`)
  return [
    ...present
      .filter((cidr) => !wantedCidrs.includes(cidr))
      .map((cidr): HostStep => ({ kind: 'ip', args: ['address', 'delete', cidr, ...device] })),
    ...wantedCidrs
      .filter((cidr) => !present.includes(cidr))
      .map((cidr): HostStep => {
        // Nobody else can have the address on a point-to-point link, so detection of duplicates would only delay it.
        const detection = cidr.includes(':') ? ['nodad'] : []
        return { kind: 'ip', args: ['address', 'replace', cidr, ...device, ...detection] }
      }),
  ]
}

function routeSteps(snapshot: HostSnapshot, wanted: HostConfiguration): HostStep[] {
  const device = ['dev', wanted.interfaceName]
  const own: readonly string[] = wanted.addresses.map(hostCidr)
  const family = (destination: HostConfiguration['routes'][number]['destination']) =>
    familyOf(destination) === 6 ? '-6' : '-4'
  const obsolete = snapshot.routes.filter(
    ({ destination }) =>
      !own.includes(destination) && !wanted.routes.some((route) => route.destination === destination),
  )
  const missing = wanted.routes.filter(
    ({ destination, source }) =>
      !snapshot.routes.some((route) => route.destination === destination && route.source === source),
  )
  return [
    ...obsolete.map(
      ({ destination }): HostStep => ({
        kind: 'ip',
        args: [family(destination), 'route', 'delete', destination, ...device],
      }),
    ),
    ...missing.map(({ destination, source }): HostStep => {
      const from = source === undefined ? [] : ['src', source]
      return { kind: 'ip', args: [family(destination), 'route', 'replace', destination, ...device, ...from] }
    }),
  ]
}
