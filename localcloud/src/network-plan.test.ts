import { beforeEach, describe, expect, it } from 'vitest'
import { exampleCloud, exampleLoadBalancer, exampleNetwork, exampleRoute, exampleServer } from '../testing/examples.ts'
import { createFakeHost, type FakeHost } from '../testing/fake-host.ts'
import { createHostNetwork, type HostNetwork } from './host-network.ts'
import { planCore, planNetwork, planServer } from './network-plan.ts'

const network = exampleNetwork()
const one = exampleServer()
const two = exampleServer({
  id: 'srv-22222222',
  name: 'two',
  privateAddress: '10.250.0.3',
  publicAddress: '198.18.0.18',
})
const empty = { network, servers: [], routes: [], loadBalancers: [] }
const full = { network, servers: [one, two], routes: [exampleRoute()], loadBalancers: [exampleLoadBalancer()] }

let host: FakeHost
let hostNetwork: HostNetwork

beforeEach(async () => {
  host = createFakeHost()
  hostNetwork = createHostNetwork(host)
  await hostNetwork.apply(planCore(exampleCloud))
})

describe('a cloud of one network and two servers', () => {
  it('becomes these namespaces', async () => {
    await hostNetwork.apply(planNetwork(exampleCloud, full))
    for (const server of [one, two]) await hostNetwork.apply(planServer(exampleCloud, network, server))
    expect(host.describe()).toMatchInlineSnapshot(`
      "test-cloud:
        loopback lo up
        bridge public up 198.18.0.1/16
        veth net11111111 up in public
        net.bridge.bridge-nf-call-iptables=0
        net.bridge.bridge-nf-call-ip6tables=0
        net.bridge.bridge-nf-call-arptables=0
        net.ipv4.ip_forward=0
        net.ipv6.conf.all.disable_ipv6=1
        net.ipv6.conf.default.disable_ipv6=1
      test-net-11111111:
        loopback lo up
        bridge br0 up 10.250.0.1/16
        veth uplink up 198.18.0.16/16 198.18.0.17/32 198.18.0.18/32 198.18.0.30/32
        veth srv11111111 up in br0
        veth srv22222222 up in br0
        route default via 198.18.0.1 dev uplink
        route 100.96.0.0/24 via 10.250.0.2 dev br0
        net.bridge.bridge-nf-call-iptables=0
        net.bridge.bridge-nf-call-ip6tables=0
        net.bridge.bridge-nf-call-arptables=0
        net.ipv4.ip_forward=1
        net.ipv4.conf.all.rp_filter=0
        net.ipv4.conf.default.rp_filter=0
        net.ipv4.conf.all.send_redirects=0
        net.ipv4.conf.default.send_redirects=0
        net.ipv6.conf.all.disable_ipv6=1
        net.ipv6.conf.default.disable_ipv6=1
      test-srv-11111111:
        loopback lo up
        veth eth0 up 10.250.0.2/16
        route default via 10.250.0.1 dev eth0
        net.ipv4.conf.all.rp_filter=0
        net.ipv4.conf.default.rp_filter=0
      test-srv-22222222:
        loopback lo up
        veth eth0 up 10.250.0.3/16
        route default via 10.250.0.1 dev eth0
        net.ipv4.conf.all.rp_filter=0
        net.ipv4.conf.default.rp_filter=0"
    `)
  })

  it('is left alone when it is applied again, by the same process or another', async () => {
    await hostNetwork.apply(planNetwork(exampleCloud, full))
    await hostNetwork.apply(planServer(exampleCloud, network, one))
    const before = host.describe()
    host.changes()
    await hostNetwork.apply(planNetwork(exampleCloud, full))
    await hostNetwork.apply(planServer(exampleCloud, network, one))
    expect(host.changes(), 'the same process changes nothing').toEqual([])
    const another = createHostNetwork(host)
    await another.apply(planNetwork(exampleCloud, full))
    await another.apply(planServer(exampleCloud, network, one))
    expect(host.describe(), 'another process changes nothing that matters').toBe(before)
  })
})

describe('a change', () => {
  it.each([
    { reason: 'takes away what is no longer wanted', from: full, to: empty },
    { reason: 'adds what is newly wanted', from: empty, to: full },
    {
      reason: 'moves a route to another server',
      from: full,
      to: { ...full, routes: [exampleRoute({ nextHopServer: two.id })] },
    },
  ])('$reason', async ({ from, to }) => {
    await hostNetwork.apply(planNetwork(exampleCloud, from))
    await hostNetwork.apply(planNetwork(exampleCloud, to))
    const direct = createFakeHost()
    const directNetwork = createHostNetwork(direct)
    await directNetwork.apply(planCore(exampleCloud))
    await directNetwork.apply(planNetwork(exampleCloud, to))
    expect(host.describe()).toBe(direct.describe())
    expect(host.ruleset('test-net-11111111')).toBe(direct.ruleset('test-net-11111111'))
  })

  it.each([
    'nsenter --net=/run/netns/test-net-11111111 sysctl',
    'ip -n test-net-11111111 -batch',
    'ip -n test-cloud link set',
    'nsenter --net=/run/netns/test-net-11111111 nft',
  ])('that was cut off at "%s" is finished by the next try', async (command) => {
    host.failOnce(command)
    await expect(hostNetwork.apply(planNetwork(exampleCloud, full))).rejects.toMatchObject({ kind: 'Unavailable' })
    await createHostNetwork(host).apply(planNetwork(exampleCloud, full))
    const direct = createFakeHost()
    const directNetwork = createHostNetwork(direct)
    await directNetwork.apply(planCore(exampleCloud))
    await directNetwork.apply(planNetwork(exampleCloud, full))
    expect(host.describe()).toBe(direct.describe())
  })
})

describe('a removal', () => {
  const ends = [{ namespace: 'test-cloud', name: 'net11111111' }]
  it('frees the namespace and the outer end of its uplink, and may be repeated', async () => {
    const before = host.describe()
    await hostNetwork.apply(planNetwork(exampleCloud, full))
    await hostNetwork.remove('test-net-11111111', ends)
    expect(host.describe()).toBe(before)
    await hostNetwork.remove('test-net-11111111', ends)
    expect(host.describe()).toBe(before)
  })

  it('lets the network be made anew', async () => {
    await hostNetwork.apply(planNetwork(exampleCloud, full))
    const before = host.describe()
    await hostNetwork.remove('test-net-11111111', ends)
    await hostNetwork.apply(planNetwork(exampleCloud, full))
    expect(host.describe()).toBe(before)
    expect(host.ruleset('test-net-11111111')).toContain('chain prerouting')
  })
})
