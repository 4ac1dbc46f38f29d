import { describe, expect, it } from 'vitest'
import { parseCidr, parseIpAddress } from '../address.ts'
import type { HostConfiguration } from './configuration.ts'
import { rulesetOf } from './firewall.ts'
import { planHost } from './plan.ts'
import type { PresentRoute } from './routing-snapshot.ts'
import { sizesWithin } from './size.ts'
import type { HostSnapshot, LinkSnapshot } from './snapshot.ts'

const own = parseIpAddress('192.168.123.2')
const peer = parseIpAddress('192.168.123.1')

const wanted: HostConfiguration = {
  links: [{ interfaceName: 'wg0', maximumTransmissionUnit: 1420 }],
  addresses: [own],
  routes: [{ destination: parseCidr('192.168.123.1/32'), source: own }],
  firewall: {
    tableName: 'tunnel_wg0',
    probePort: 5400,
    peerAddresses: [peer],
    forwardTo: [parseCidr('100.96.0.0/16'), parseCidr('fd00:96::/64')],
  },
  forwarding: [4, 6],
}

const freshLink: LinkSnapshot = { up: false, maximumTransmissionUnit: 1500, addresses: [], strictReversePath: false }

const fresh: HostSnapshot = {
  links: new Map([['wg0', freshLink]]),
  routes: [],
  rules: [],
  foreignRoutes: [{ destination: parseCidr('10.1.0.0/24'), interfaceName: 'eth0' }],
  otherInterfaces: ['eth0'],
  chains: undefined,
  forwardingOff: ['4:wg0', '4:eth0', '6:all'],
}

const doneLink: LinkSnapshot = {
  ...freshLink,
  up: true,
  maximumTransmissionUnit: 1420,
  addresses: [{ address: own, prefixLength: 32 }],
}
const doneRoute: PresentRoute = {
  destination: parseCidr('192.168.123.1/32'),
  source: own,
  interfaceName: 'wg0',
  table: 254,
}

const done: HostSnapshot = {
  ...fresh,
  links: new Map([['wg0', doneLink]]),
  routes: [doneRoute],
  chains: rulesetOf(wanted).chains,
  forwardingOff: [],
}

/** What is done already, but for the link. */
function withLink(change: Partial<LinkSnapshot>): Partial<HostSnapshot> {
  return { links: new Map([['wg0', { ...doneLink, ...change }]]) }
}

/** The plan as people read it. */
function planText(snapshot: HostSnapshot, configuration: HostConfiguration): string[] {
  return planHost(snapshot, configuration).map((step) => {
    if (step.kind === 'ip') return `ip ${step.args.join(' ')}`
    if (step.kind === 'firewall') return 'nft'
    return step.kind === 'forwarding' ? `forward ${step.family} ${step.interfaceName}` : `loosen ${step.interfaceName}`
  })
}

describe('the plan of a host', () => {
  it('sets up a fresh namespace, firewall first and routes last', () => {
    expect(planText(fresh, wanted)).toEqual([
      'nft',
      'forward 4 wg0',
      'forward 4 eth0',
      'forward 6 all',
      'ip link set dev wg0 mtu 1420 up',
      'ip address replace 192.168.123.2/32 dev wg0',
      'ip -4 route replace 192.168.123.1/32 dev wg0 src 192.168.123.2',
    ])
  })

  it('is empty when nothing differs', () => {
    expect(planText(done, wanted)).toEqual([])
  })

  it.each<[string, Partial<HostSnapshot>, string[]]>([
    ['the interface is down', withLink({ up: false }), ['ip link set dev wg0 up']],
    ['the size has changed', withLink({ maximumTransmissionUnit: 1280 }), ['ip link set dev wg0 mtu 1420']],
    [
      'the rules are of another version',
      {
        chains: new Map([
          ['input', 4],
          ['digest_0', 0],
        ]),
      },
      ['nft'],
    ],
    ['a rule was taken away', { chains: new Map([...(done.chains ?? []), ['forward', 2]]) }, ['nft']],
    ['a chain was added', { chains: new Map([...(done.chains ?? []), ['other', 0]]) }, ['nft']],
    ['forwarding was switched off', { forwardingOff: ['4:eth0'] }, ['forward 4 eth0']],
    [
      'an address is left over',
      withLink({
        addresses: [
          { address: own, prefixLength: 32 },
          { address: peer, prefixLength: 24 },
        ],
      }),
      ['ip address delete 192.168.123.1/24 dev wg0'],
    ],
    [
      'a route is left over',
      { routes: [doneRoute, { destination: parseCidr('fd00::/64'), interfaceName: 'wg0', table: 254 }] },
      ['ip -6 route delete fd00::/64 dev wg0'],
    ],
    [
      'a route has another source',
      { routes: [{ ...doneRoute, source: undefined }] },
      ['ip -4 route replace 192.168.123.1/32 dev wg0 src 192.168.123.2'],
    ],
    [
      'a route lets smaller packets through only',
      { routes: [{ ...doneRoute, maximumTransmissionUnit: 1300 }] },
      ['ip -4 route replace 192.168.123.1/32 dev wg0 src 192.168.123.2'],
    ],
    [
      'a route has a metric that nobody asked for',
      { routes: [doneRoute, { ...doneRoute, metric: 50 }] },
      ['ip -4 route delete 192.168.123.1/32 dev wg0 metric 50'],
    ],
    [
      'a route in another table is left over',
      { routes: [doneRoute, { ...doneRoute, table: 100 }] },
      ['ip -4 route delete 192.168.123.1/32 dev wg0 table 100'],
    ],
    [
      'a rule of ours is left over',
      { rules: [{ family: 6, priority: 9, mark: 7, to: parseCidr('fd00::/64'), table: 100 }] },
      ['ip -6 rule delete from all to fd00::/64 fwmark 7 table 100 priority 9 protocol 175'],
    ],
  ])('does one thing when %s', (_, change, steps) => {
    expect(planText({ ...done, ...change }, wanted)).toEqual(steps)
  })

  it('skips the search for duplicates of an IPv6 address', () => {
    const addresses = [own, parseIpAddress('fd8f::2')]
    expect(planText(done, { ...wanted, addresses })).toContain('ip address replace fd8f::2/128 dev wg0 nodad')
  })

  it('sends what a rule chooses by a table of its own, even a network that others reach', () => {
    const rules = [{ family: 4 as const, priority: 500, from: parseCidr('10.1.0.5'), table: 100 }]
    const routes = [...wanted.routes, { destination: parseCidr('0.0.0.0/0'), source: own, table: 100 }]
    expect(planText(done, { ...wanted, rules, routes })).toEqual([
      'ip -4 route replace 0.0.0.0/0 dev wg0 src 192.168.123.2 table 100',
      'ip -4 rule add from 10.1.0.5/32 table 100 priority 500 protocol 175',
    ])
    const present = {
      ...done,
      rules,
      routes: [doneRoute, { ...doneRoute, destination: parseCidr('0.0.0.0/0'), table: 100 }],
    }
    expect(planText(present, { ...wanted, rules, routes })).toEqual([])
  })

  it('moves a route to another link in one step, and takes packets from both', () => {
    const second = { interfaceName: 'wg1', maximumTransmissionUnit: 1420, addresses: [parseIpAddress('fd8f::9')] }
    const links = [...wanted.links, second]
    const routes = wanted.routes.map((route) => ({ ...route, interfaceName: 'wg1' }))
    const strict = { ...freshLink, strictReversePath: true }
    const present = { ...done, links: new Map([...done.links, ['wg1', strict]]) }
    expect(planText(present, { ...wanted, links, routes })).toEqual([
      'nft',
      'loosen wg1',
      'ip link set dev wg1 mtu 1420 up',
      'ip address replace 192.168.123.2/32 dev wg1',
      'ip address replace fd8f::9/128 dev wg1 nodad',
      'ip -4 route replace 192.168.123.1/32 dev wg1 src 192.168.123.2',
    ])
  })

  it('refuses a network that another interface reaches', () => {
    const routes = [{ destination: parseCidr('10.0.0.0/8'), source: own }]
    expect(() => planHost(fresh, { ...wanted, routes })).toThrow(
      expect.objectContaining({ kind: 'Invalid', field: 'networks' }),
    )
  })
})

describe('a configuration of a host', () => {
  const mapping = (real: string, mapped: string) => ({ real: parseCidr(real), mapped: parseCidr(mapped) })
  const translating = (...own: readonly ReturnType<typeof mapping>[]) => ({
    firewall: { ...wanted.firewall, translation: { own, remote: [] } },
  })

  it.each<[string, Partial<HostConfiguration>]>([
    ['links', { links: [] }],
    ['links[1].interfaceName', { links: [...wanted.links, ...wanted.links] }],
    ['links[0].interfaceName', { links: [{ interfaceName: 'wg"0', maximumTransmissionUnit: 1420 }] }],
    ['routes[0].interfaceName', { routes: [{ destination: parseCidr('10.9.0.0/16'), interfaceName: 'wg7' }] }],
    ['routes[0].table', { routes: [{ destination: parseCidr('10.9.0.0/16'), table: 0 }] }],
    ['rules[0].priority', { rules: [{ family: 4, priority: 0, table: 100 }] }],
    ['rules[0].from', { rules: [{ family: 4, priority: 1, from: parseCidr('fd00::/8'), table: 100 }] }],
    ['ruleProtocol', { ruleProtocol: 2 }],
    ['firewall.tableName', { firewall: { ...wanted.firewall, tableName: 'a; flush ruleset' } }],
    ['firewall.probePort', { firewall: { ...wanted.firewall, probePort: 0 } }],
    ['firewall.translation.own[0].mapped', translating(mapping('10.0.0.0/16', '240.0.0.0/8'))],
    ['firewall.translation.own[0].mapped', translating(mapping('10.0.0.0/16', 'fd00::/16'))],
    [
      'firewall.translation.own[1].mapped',
      translating(mapping('10.0.0.0/16', '240.0.0.0/16'), mapping('10.1.0.0/16', '240.0.0.0/16')),
    ],
    [
      'firewall.translation.own[1].real',
      translating(mapping('10.0.0.0/16', '240.0.0.0/16'), mapping('10.0.0.0/16', '240.1.0.0/16')),
    ],
  ])('that contradicts itself in %s is refused', (field, change) => {
    expect(() => planHost(done, { ...wanted, ...change })).toThrow(expect.objectContaining({ kind: 'Invalid', field }))
  })
})

describe('the size of packets in a tunnel', () => {
  it.each([
    [undefined, 1420],
    [1500, 1420],
    [1450, 1370],
    [9000, 1420],
    [1300, 1280],
  ])('through %j is %i', (carrier, size) => {
    expect(sizesWithin(carrier).start).toBe(size)
  })
})

describe('the firewall of a host', () => {
  it('passes on to the given networks only, and masks the source', () => {
    expect(rulesetOf(wanted).text).toBe(`add table inet tunnel_wg0
delete table inet tunnel_wg0
table inet tunnel_wg0 {
  chain input {
    type filter hook input priority filter; policy accept;
    iifname != { "wg0", "lo" } ip daddr { 192.168.123.2 } drop
    iifname != "wg0" accept
    ct state established,related accept
    ip saddr { 192.168.123.1 } udp dport 5400 accept
    counter drop
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    oifname "wg0" tcp flags syn tcp option maxseg size set rt mtu
    iifname "wg0" tcp flags syn tcp option maxseg size set rt mtu
    oifname "wg0" ct state established,related accept
    oifname "wg0" counter drop
    iifname "wg0" ct state established,related accept
    iifname "wg0" ip daddr { 100.96.0.0/16 } accept
    iifname "wg0" ip6 daddr { fd00:96::/64 } accept
    iifname "wg0" counter drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    iifname "wg0" oifname != "wg0" masquerade
  }
  chain ${rulesetOf(wanted).mark} {
  }
}
`)
  })

  it('calls networks that both sides have by their other names inside the tunnel', () => {
    const translation = {
      own: [
        { real: parseCidr('100.96.0.0/16'), mapped: parseCidr('244.0.0.0/16') },
        { real: parseCidr('fd00:96::/64'), mapped: parseCidr('fd99::/64') },
      ],
      remote: [
        { real: parseCidr('10.1.0.0/16'), mapped: parseCidr('241.1.0.0/16'), groupId: 31415 },
        { real: parseCidr('fd00:1::/64'), mapped: parseCidr('fd98::/64') },
      ],
    }
    const { text } = rulesetOf({ ...wanted, firewall: { ...wanted.firewall, translation } })
    expect(text.slice(text.indexOf('  chain prerouting'), text.indexOf('  chain digest'))).toBe(`  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    iifname "wg0" dnat ip prefix to ip daddr map { 244.0.0.0/16 : 100.96.0.0/16 }
    iifname "wg0" dnat ip6 prefix to ip6 daddr map { fd99::/64 : fd00:96::/64 }
  }
  chain output {
    type nat hook output priority -100; policy accept;
    meta skgid 31415 ip daddr 10.1.0.0/16 dnat ip prefix to ip daddr map { 10.1.0.0/16 : 241.1.0.0/16 }
    ip6 daddr fd00:1::/64 dnat ip6 prefix to ip6 daddr map { fd00:1::/64 : fd98::/64 }
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "wg0" snat ip prefix to ip saddr map { 100.96.0.0/16 : 244.0.0.0/16 }
    oifname "wg0" snat ip6 prefix to ip6 saddr map { fd00:96::/64 : fd99::/64 }
    oifname "wg0" ip saddr != { 192.168.123.2 } snat ip to 192.168.123.2
    iifname "wg0" oifname != "wg0" masquerade
  }
`)
  })

  it('limits the size of packets by the route, not by the link', () => {
    const sized = { ...wanted, routes: wanted.routes.map((route) => ({ ...route, maximumTransmissionUnit: 1340 })) }
    const steps = planHost(done, sized).flatMap((step) => (step.kind === 'ip' ? [step.args.join(' ')] : []))
    expect(steps).toEqual(['-4 route replace 192.168.123.1/32 dev wg0 src 192.168.123.2 mtu 1340'])
  })

  it('leaves probes the address of their link when sources are changed', () => {
    const translation = { own: [], remote: [{ real: parseCidr('10.1.0.0/16'), mapped: parseCidr('241.1.0.0/16') }] }
    const links = [
      { interfaceName: 'wg1', maximumTransmissionUnit: 1420, addresses: [parseIpAddress('192.168.124.7')] },
      { interfaceName: 'wg0', maximumTransmissionUnit: 1420, addresses: [parseIpAddress('192.168.124.5')] },
    ]
    const rules = (some: typeof links) =>
      rulesetOf({ ...wanted, links: some, firewall: { ...wanted.firewall, translation } })
    expect(rules(links).text).toContain(
      'ip saddr != { 192.168.123.2, 192.168.124.5, 192.168.124.7 } snat ip to 192.168.123.2',
    )
    expect(rules([...links].reverse()).mark).toBe(rules(links).mark)
  })

  it('passes nothing on and masks nothing when no network is given', () => {
    const closed = { ...wanted, firewall: { ...wanted.firewall, forwardTo: [] } }
    const { text, mark } = rulesetOf(closed)
    expect(text).not.toMatch(/masquerade|daddr \{ 100/)
    expect(text).toContain('iifname "wg0" counter drop')
    expect(mark).not.toBe(rulesetOf(wanted).mark)
  })
})
