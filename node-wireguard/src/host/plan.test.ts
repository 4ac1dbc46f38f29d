import { describe, expect, it } from 'vitest'
import { parseCidr, parseIpAddress } from '../address.ts'
import type { HostConfiguration } from './configuration.ts'
import { rulesetOf } from './firewall.ts'
import { planHost } from './plan.ts'
import { sizeWithin } from './size.ts'
import type { HostSnapshot } from './snapshot.ts'

const own = parseIpAddress('192.168.123.2')
const peer = parseIpAddress('192.168.123.1')

const wanted: HostConfiguration = {
  interfaceName: 'wg0',
  addresses: [own],
  maximumTransmissionUnit: 1420,
  routes: [{ destination: parseCidr('192.168.123.1/32'), source: own }],
  firewall: {
    tableName: 'tunnel_wg0',
    probePort: 5400,
    peerAddresses: [peer],
    forwardTo: [parseCidr('100.96.0.0/16'), parseCidr('fd00:96::/64')],
  },
  forwarding: [4, 6],
}

const fresh: HostSnapshot = {
  up: false,
  maximumTransmissionUnit: 1500,
  addresses: [],
  routes: [],
  foreignRoutes: [{ destination: parseCidr('10.1.0.0/24'), interfaceName: 'eth0' }],
  otherInterfaces: ['eth0'],
  chains: undefined,
  forwardingOff: ['4:wg0', '4:eth0', '6:all'],
}

const done: HostSnapshot = {
  ...fresh,
  up: true,
  maximumTransmissionUnit: 1420,
  addresses: [{ address: own, prefixLength: 32 }],
  routes: wanted.routes,
  chains: ['input', 'forward', 'postrouting', rulesetOf(wanted).mark],
  forwardingOff: [],
}

/** The plan as people read it. */
function planText(snapshot: HostSnapshot, configuration: HostConfiguration): string[] {
  return planHost(snapshot, configuration).map((step) => {
    if (step.kind === 'ip') return `ip ${step.args.join(' ')}`
    return step.kind === 'firewall' ? 'nft' : `forward ${step.family} ${step.interfaceName}`
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
    ['the interface is down', { up: false }, ['ip link set dev wg0 up']],
    ['the size has changed', { maximumTransmissionUnit: 1280 }, ['ip link set dev wg0 mtu 1420']],
    ['the rules are of another version', { chains: ['input', 'digest_0'] }, ['nft']],
    ['forwarding was switched off', { forwardingOff: ['4:eth0'] }, ['forward 4 eth0']],
    [
      'an address is left over',
      {
        addresses: [
          { address: own, prefixLength: 32 },
          { address: peer, prefixLength: 24 },
        ],
      },
      ['ip address delete 192.168.123.1/24 dev wg0'],
    ],
    [
      'a route is left over',
      { routes: [...wanted.routes, { destination: parseCidr('fd00::/64') }] },
      ['ip -6 route delete fd00::/64 dev wg0'],
    ],
    [
      'a route has another source',
      { routes: [{ destination: parseCidr('192.168.123.1/32') }] },
      ['ip -4 route replace 192.168.123.1/32 dev wg0 src 192.168.123.2'],
    ],
  ])('does one thing when %s', (_, change, steps) => {
    expect(planText({ ...done, ...change }, wanted)).toEqual(steps)
  })

  it('skips the search for duplicates of an IPv6 address', () => {
    const addresses = [own, parseIpAddress('fd8f::2')]
    expect(planText(done, { ...wanted, addresses })).toContain('ip address replace fd8f::2/128 dev wg0 nodad')
  })

  it('refuses a network that another interface reaches', () => {
    const routes = [{ destination: parseCidr('10.0.0.0/8'), source: own }]
    expect(() => planHost(fresh, { ...wanted, routes })).toThrow(
      expect.objectContaining({ kind: 'Invalid', field: 'networks' }),
    )
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
    expect(sizeWithin(carrier)).toBe(size)
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

  it('passes nothing on and masks nothing when no network is given', () => {
    const closed = { ...wanted, firewall: { ...wanted.firewall, forwardTo: [] } }
    const { text, mark } = rulesetOf(closed)
    expect(text).not.toMatch(/masquerade|daddr \{ 100/)
    expect(text).toContain('iifname "wg0" counter drop')
    expect(mark).not.toBe(rulesetOf(wanted).mark)
  })
})
