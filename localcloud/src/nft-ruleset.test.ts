import { describe, expect, it } from 'vitest'
import { exampleCloud, exampleLoadBalancer, exampleNetwork, exampleServer } from '../testing/examples.ts'
import type { NetworkState } from './cloud-network.ts'
import { rulesetOf } from './nft-ruleset.ts'

const one = exampleServer()
const two = exampleServer({ id: 'srv-22222222', privateAddress: '10.250.0.3', publicAddress: '198.18.0.18' })
const state = (fields: Partial<NetworkState> = {}): NetworkState => ({
  network: exampleNetwork(),
  servers: [one, two],
  routes: [],
  loadBalancers: [],
  ...fields,
})
const udp = { name: 'tunnel', protocol: 'UDP' as const, port: 51820, targetPort: 31820 }
const tcp = { name: 'api', protocol: 'TCP' as const, port: 443, targetPort: 30443 }

describe('rulesetOf', () => {
  it('is this for an empty network', () => {
    expect(rulesetOf(exampleCloud, state({ servers: [] }))).toMatchInlineSnapshot(`
      "table ip cloud
      delete table ip cloud
      table ip cloud {
        map server_public {
          type ipv4_addr : ipv4_addr
        }
        chain prerouting {
          type nat hook prerouting priority dstnat; policy accept;
          iifname "br0" ip daddr 169.254.169.254 tcp dport 80 ip ttl 64 dnat to 198.18.0.1:8080
        }
        chain forward {
          type filter hook forward priority filter; policy drop;
          iifname "br0" oifname "br0" accept
          iifname "br0" oifname "uplink" ip daddr 198.18.0.0/16 accept
          iifname "br0" oifname "uplink" reject with icmp type net-unreachable
          iifname "uplink" oifname "br0" ct state established,related accept
          iifname "uplink" oifname "br0" ct status dnat accept
        }
        chain postrouting {
          type nat hook postrouting priority srcnat; policy accept;
          oifname "br0" meta mark 0x1 masquerade
          oifname "uplink" snat to ip saddr map @server_public
          oifname "uplink" masquerade
        }
      }
      "
    `)
  })

  it('gives every server a public address of its own', () => {
    const pairs = '10.250.0.2 : 198.18.0.17, 10.250.0.3 : 198.18.0.18'
    expect(rulesetOf(exampleCloud, state())).toContain(`elements = { ${pairs} }`)
  })

  it.each([
    {
      reason: 'one target needs no choice',
      balancer: exampleLoadBalancer({ targets: [one.id], listeners: [tcp] }),
      rules: ['ip daddr 198.18.0.30 tcp dport 443 dnat to 10.250.0.2:30443'],
    },
    {
      reason: 'TCP goes round in turn',
      balancer: exampleLoadBalancer({ targets: [one.id, two.id], listeners: [tcp] }),
      rules: [
        'ip daddr 198.18.0.30 tcp dport 443 dnat to numgen inc mod 2 map { 0 : 10.250.0.2, 1 : 10.250.0.3 }:30443',
      ],
    },
    {
      reason: 'UDP stays with one target per sender',
      balancer: exampleLoadBalancer({ targets: [one.id, two.id], listeners: [udp] }),
      rules: [
        'ip daddr 198.18.0.30 udp dport 51820 dnat to jhash ip saddr . udp sport mod 2 map { 0 : 10.250.0.2, 1 : 10.250.0.3 }:31820',
      ],
    },
    {
      reason: 'a target that is gone counts for nothing',
      balancer: exampleLoadBalancer({ targets: ['srv-00000000', two.id], listeners: [tcp] }),
      rules: ['ip daddr 198.18.0.30 tcp dport 443 dnat to 10.250.0.3:30443'],
    },
    { reason: 'no targets, no rule', balancer: exampleLoadBalancer({ targets: [], listeners: [tcp, udp] }), rules: [] },
    { reason: 'no listeners, no rule', balancer: exampleLoadBalancer({ listeners: [] }), rules: [] },
  ])('$reason', ({ balancer, rules }) => {
    const text = rulesetOf(exampleCloud, state({ loadBalancers: [balancer] }))
    const found = text
      .split('\n')
      .flatMap((line) => (line.includes('ip daddr 198.18.0.30 ') && line.includes('dnat') ? [line.trim()] : []))
    expect(found).toEqual(rules)
  })

  it('sends what comes from inside back through the gateway', () => {
    const text = rulesetOf(exampleCloud, state({ loadBalancers: [exampleLoadBalancer()] }))
    expect(text).toContain('iifname "br0" ip daddr 198.18.0.30 meta mark set 0x1')
    expect(text).toContain('oifname "br0" meta mark 0x1 masquerade')
  })
})
