import type { LoadBalancerRequest } from '@trellis/cloudprovider/contract/cloud-network'
import { describeCloudLoadBalancers } from '@trellis/cloudprovider/contract/testing/cloud-network-conformance'
import { createSystemClock } from '@trellis/foundation/clock'
import { describe, expect, it } from 'vitest'
import { createGoogleNetworkWorld, type GoogleNetworkWorld } from '../testing/network-world.ts'

const clock = createSystemClock()
const open = () => createGoogleNetworkWorld(clock)

describeCloudLoadBalancers('Google Cloud', open)

function requestFor(nodes: readonly string[], change: Partial<LoadBalancerRequest> = {}): LoadBalancerRequest {
  const listeners: LoadBalancerRequest['listeners'] = [
    { name: 'dns', protocol: 'TCP', port: 53, nodePort: 31053 },
    { name: 'dns-udp', protocol: 'UDP', port: 53, nodePort: 31054 },
    { name: 'web', protocol: 'TCP', port: 443, nodePort: 31443 },
  ]
  return { name: 'lb-1', service: 'ns/one', listeners, nodes, ...change }
}

/** Forwarding rules, servers of pools, rules of the firewall and addresses, as text. */
function holdings({ cloud: { world, project } }: GoogleNetworkWorld) {
  const regional = `${project}/regions/europe-west1`
  return {
    rules: world.all(`${regional}/forwardingRules`).map((one) => `${one.IPProtocol} ${one.portRange} ${one.IPAddress}`),
    servers: world.all(`${regional}/targetPools`).flatMap(({ instances }) => instances as readonly string[]),
    firewalls: world.all(`${project}/global/firewalls`),
    addresses: world.all(`${regional}/addresses`).map(({ address }) => address),
  }
}

describe('a load balancer at Google Cloud', () => {
  it('takes every port at one address, and lets it in to the machines of the cluster', async () => {
    await using world = await open()
    const node = await world.addNode('node-a')
    const ensured = await world.network.ensureLoadBalancer(requestFor([node]))
    const { rules, servers, firewalls, addresses } = holdings(world)
    expect(addresses).toHaveLength(1)
    expect(ensured).toEqual({ address: addresses[0], unknownNodes: [] })
    const ports = ['TCP 443-443', 'TCP 53-53', 'UDP 53-53'].map((port) => `${port} ${addresses[0]}`)
    expect(rules.toSorted()).toEqual(ports)
    expect(servers).toEqual([expect.stringMatching(/\/zones\/europe-west1-b\/instances\/node-a$/)])
    expect(firewalls).toMatchObject([
      {
        name: 'k8s-fw-lb-1',
        targetTags: ['kubernetes-io-cluster-one'],
        sourceRanges: ['0.0.0.0/0'],
        allowed: [
          { IPProtocol: 'tcp', ports: ['443', '53'] },
          { IPProtocol: 'udp', ports: ['53'] },
        ],
      },
    ])
  })

  it('follows ports and nodes, and asks for no change when nothing changed', async () => {
    await using world = await open()
    const nodes = [await world.addNode('node-a'), await world.addNode('node-b')]
    await world.network.ensureLoadBalancer(requestFor(nodes.slice(0, 1)))
    const before = world.cloud.calls.length
    await world.network.ensureLoadBalancer(requestFor(nodes.slice(0, 1)))
    expect(world.cloud.calls.slice(before).filter((call) => !/\.(get|list|aggregatedList)$/.test(call))).toEqual([])
    const listeners: LoadBalancerRequest['listeners'] = [{ name: 'web', protocol: 'TCP', port: 443, nodePort: 31443 }]
    const { address } = (await world.network.ensureLoadBalancer(requestFor(nodes.slice(1), { listeners }))) as {
      address: string
    }
    const { rules, servers, firewalls } = holdings(world)
    expect(rules).toEqual([`TCP 443-443 ${address}`])
    expect(servers).toEqual([expect.stringMatching(/\/instances\/node-b$/)])
    expect(firewalls).toMatchObject([{ allowed: [{ IPProtocol: 'tcp', ports: ['443'] }] }])
  })

  it('goes on from where it was broken off, and stays in lists until the last of it is gone', async () => {
    await using world = await open()
    const kinds = ['firewalls', 'addresses', 'targetPools', 'forwardingRules']
    for (const kind of kinds) {
      world.cloud.fault(`compute.${kind}.insert`, { kind: 'lose' })
      await expect(world.network.ensureLoadBalancer(requestFor([]))).rejects.toMatchObject({ kind: 'Unavailable' })
      expect(await world.network.listLoadBalancers()).toEqual([{ name: 'lb-1', service: 'ns/one' }])
    }
    await world.network.ensureLoadBalancer(requestFor([]))
    expect(holdings(world).rules).toHaveLength(3)
    for (const kind of kinds.toReversed().slice(0, 3)) {
      world.cloud.fault(`compute.${kind}.delete`, { kind: 'lose' })
      await expect(world.network.deleteLoadBalancer('lb-1')).rejects.toMatchObject({ kind: 'Unavailable' })
      expect(await world.network.listLoadBalancers()).toHaveLength(1)
    }
    await world.network.deleteLoadBalancer('lb-1')
    expect(holdings(world)).toEqual({ rules: [], servers: [], firewalls: [], addresses: [] })
  })

  it('cannot be internal, and says so by the name of the Service', async () => {
    await using world = await open()
    await expect(world.network.ensureLoadBalancer(requestFor([], { internal: true }))).rejects.toMatchObject({
      kind: 'Unimplemented',
      message: expect.stringContaining('ns/one'),
    })
  })
})
