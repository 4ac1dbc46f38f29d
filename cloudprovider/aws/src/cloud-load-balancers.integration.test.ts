import type { LoadBalancerRequest } from '@trellis/cloudprovider/contract/cloud-network'
import { describeCloudLoadBalancers } from '@trellis/cloudprovider/contract/testing/cloud-network-conformance'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askAboutBalancers } from '../testing/balancer-questions.ts'
import { contents, type Moto, startMoto } from '../testing/moto.ts'
import { createNetworkWorld, type NetworkWorld } from '../testing/network-world.ts'

let moto: Moto

beforeAll(async () => {
  moto = await startMoto()
}, 600_000)

afterAll(() => moto[Symbol.asyncDispose]())

describeCloudLoadBalancers('AWS in front of moto', () => createNetworkWorld(moto))

function requestFor(nodes: readonly string[], change: Partial<LoadBalancerRequest> = {}): LoadBalancerRequest {
  const listeners: LoadBalancerRequest['listeners'] = [
    { name: 'api', protocol: 'TCP', port: 6443, nodePort: 31001 },
    { name: 'tunnel', protocol: 'UDP', port: 51820, nodePort: 31002 },
  ]
  return { name: 'lb-1', service: 'ns/one', listeners, nodes, ...change }
}

/** Rules of the group of that filter, as `protocol from peer`. */
async function rulesOf(filter: string, value: string): Promise<readonly string[]> {
  const question = { 'Filter.1.Name': filter, 'Filter.1.Value.1': value }
  const xml = await moto.ask('ec2', 'DescribeSecurityGroups', question)
  const set = /<ipPermissions>(.*?)<\/ipPermissions>/s.exec(xml)?.[1] ?? ''
  const items = set.split('<ipProtocol>').slice(1)
  return items
    .map((item) => {
      const [peer] = [...contents(item, 'groupId'), ...contents(item, 'cidrIp')]
      return `${item.split('<')[0]} ${contents(item, 'fromPort')[0] ?? 'all'} ${peer}`
    })
    .sort()
}

/** Id of the load balancer's own group. */
async function ownGroup(): Promise<string | undefined> {
  const question = { 'Filter.1.Name': 'tag-key', 'Filter.1.Value.1': 'trellis.internal/load-balancer' }
  return contents(await moto.ask('ec2', 'DescribeSecurityGroups', question), 'groupId')[0]
}

function bothSubnets({ publicSubnets }: NetworkWorld): string {
  return publicSubnets.toSorted().join(' ')
}

describe('a load balancer at AWS', () => {
  const ask = () => askAboutBalancers(moto)

  async function grow(
    world: NetworkWorld,
  ): Promise<{ readonly nodes: readonly string[]; readonly ids: readonly string[] }> {
    const nodes = [await world.addNode(), await world.addNode()]
    return { nodes, ids: await Promise.all(nodes.map(world.serverOf)) }
  }

  it('leads every port to its node port on each server, in all zones', async () => {
    await using world = await createNetworkWorld(moto)
    const { nodes, ids } = await grow(world)
    await world.network.ensureLoadBalancer(requestFor(nodes))
    const group = await ownGroup()
    expect(await ask().balancers()).toEqual([`internet-facing ${bothSubnets(world)} ${group}`])
    expect(await ask().listeners()).toEqual(['TCP 6443', 'UDP 51820'])
    expect(await ask().targetGroups()).toEqual([
      ['t6443', ...ids.map((id) => `${id}:31001`).sort()].join(' '),
      ['u51820', ...ids.map((id) => `${id}:31002`).sort()].join(' '),
    ])
    expect(await ask().crossesZones()).toBe(true)
  })

  it('is open to everybody at its ports, and nodes are open to it alone', async () => {
    await using world = await createNetworkWorld(moto)
    await world.network.ensureLoadBalancer(requestFor([]))
    const group = await ownGroup()
    expect(await rulesOf('group-id', group ?? '')).toEqual(['tcp 6443 0.0.0.0/0', 'udp 51820 0.0.0.0/0'])
    expect(await rulesOf('group-id', world.nodeGroup)).toEqual([`-1 all ${group}`])
  })

  it('follows ports, node ports and nodes', async () => {
    await using world = await createNetworkWorld(moto)
    const { nodes, ids } = await grow(world)
    await world.network.ensureLoadBalancer(requestFor(nodes))
    const listeners: LoadBalancerRequest['listeners'] = [
      { name: 'api', protocol: 'TCP', port: 6443, nodePort: 32001 },
      { name: 'dns', protocol: 'TCP', port: 53, nodePort: 32053 },
      { name: 'dns-udp', protocol: 'UDP', port: 53, nodePort: 32053 },
    ]
    await world.network.ensureLoadBalancer(requestFor(nodes.slice(0, 1), { listeners }))
    expect(await ask().listeners()).toEqual(['TCP 6443', 'TCP_UDP 53'])
    expect(await ask().targetGroups()).toEqual([`b53 ${ids[0]}:32053`, `t6443 ${ids[0]}:32001`])
    const wanted = ['tcp 53 0.0.0.0/0', 'tcp 6443 0.0.0.0/0', 'udp 53 0.0.0.0/0']
    expect(await rulesOf('group-id', (await ownGroup()) ?? '')).toEqual(wanted)
  })

  it('is made only once, and asks for no change when nothing changed', async () => {
    await using world = await createNetworkWorld(moto)
    const { nodes } = await grow(world)
    await world.network.ensureLoadBalancer(requestFor(nodes))
    const before = world.front.calls.length
    await world.network.ensureLoadBalancer(requestFor(nodes))
    expect(world.front.calls.slice(before).filter((call) => !call.startsWith('Describe'))).toEqual([])
  })

  it('goes on from wherever it was broken off', async () => {
    await using world = await createNetworkWorld(moto)
    const { nodes } = await grow(world)
    const changes = ['CreateSecurityGroup', 'AuthorizeSecurityGroupIngress', 'CreateLoadBalancer', 'CreateTargetGroup']
    for (const change of [...changes, 'RegisterTargets', 'CreateListener']) {
      world.front.fail(change, 'lose the answer')
      await expect(world.network.ensureLoadBalancer(requestFor(nodes))).rejects.toMatchObject({ kind: 'Timeout' })
      expect(await world.network.listLoadBalancers()).toEqual([{ name: 'lb-1', service: 'ns/one' }])
    }
    await world.network.ensureLoadBalancer(requestFor(nodes))
    expect(await ask().balancers()).toHaveLength(1)
    expect(await ask().listeners()).toEqual(['TCP 6443', 'UDP 51820'])
    expect(await ask().targetGroups()).toHaveLength(2)
  })

  it('stays in lists until the last of it is gone', async () => {
    await using world = await createNetworkWorld(moto)
    const { nodes } = await grow(world)
    await world.network.ensureLoadBalancer(requestFor(nodes))
    const changes = ['DeleteLoadBalancer', 'DeleteTargetGroup', 'RevokeSecurityGroupIngress']
    for (const change of changes) {
      world.front.fail(change, 'lose the answer')
      await expect(world.network.deleteLoadBalancer('lb-1')).rejects.toMatchObject({ kind: 'Timeout' })
      expect(await world.network.listLoadBalancers()).toHaveLength(1)
    }
    // AWS holds on to the group for a while after its load balancer went.
    world.front.fail('DeleteSecurityGroup', { refuse: 'DependencyViolation' })
    await expect(world.network.deleteLoadBalancer('lb-1')).rejects.toMatchObject({ kind: 'Conflict' })
    expect(await world.network.listLoadBalancers()).toHaveLength(1)
    await world.network.deleteLoadBalancer('lb-1')
    expect(await world.network.listLoadBalancers()).toEqual([])
    expect([await ask().balancers(), await ask().targetGroups()]).toEqual([[], []])
    expect(await rulesOf('group-id', world.nodeGroup)).toEqual([])
  })

  it('is reached from inside alone when that is asked for, also later', async () => {
    await using world = await createNetworkWorld(moto)
    const { nodes } = await grow(world)
    await world.network.ensureLoadBalancer(requestFor(nodes))
    await world.network.ensureLoadBalancer(requestFor(nodes, { internal: true }))
    expect(await ask().balancers()).toEqual([`internal ${world.internalSubnet} ${await ownGroup()}`])
    expect(await ask().listeners()).toEqual(['TCP 6443', 'UDP 51820'])
  })

  it('takes no traffic to servers that do not run', async () => {
    await using world = await createNetworkWorld(moto)
    const { nodes, ids } = await grow(world)
    await moto.ask('ec2', 'StopInstances', { 'InstanceId.1': ids[0] ?? '' })
    const { unknownNodes } = await world.network.ensureLoadBalancer(requestFor(nodes))
    expect(unknownNodes).toEqual([nodes[0]])
    expect(await ask().targetGroups()).toEqual([`t6443 ${ids[1]}:31001`, `u51820 ${ids[1]}:31002`])
  })

  it('spreads to a zone that comes later', async () => {
    await using world = await createNetworkWorld(moto)
    const question = { 'ResourceId.1': world.publicSubnets[1], 'Tag.1.Key': 'kubernetes.io/role/elb' }
    await moto.ask('ec2', 'DeleteTags', question)
    await world.network.ensureLoadBalancer(requestFor([]))
    expect(await ask().balancers()).toEqual([`internet-facing ${world.publicSubnets[0]} ${await ownGroup()}`])
    await moto.ask('ec2', 'CreateTags', { ...question, 'Tag.1.Value': '1' })
    await world.network.ensureLoadBalancer(requestFor([]))
    expect(await ask().balancers()).toEqual([`internet-facing ${bothSubnets(world)} ${await ownGroup()}`])
  })

  it('cannot be where no subnet is meant for it', async () => {
    await using world = await createNetworkWorld(moto)
    await moto.ask('ec2', 'DeleteTags', {
      'ResourceId.1': world.internalSubnet,
      'Tag.1.Key': 'kubernetes.io/role/internal-elb',
    })
    await expect(world.network.ensureLoadBalancer(requestFor([], { internal: true }))).rejects.toMatchObject({
      kind: 'NotFound',
      remedy: expect.stringContaining('kubernetes.io/role/internal-elb'),
    })
  })
})
