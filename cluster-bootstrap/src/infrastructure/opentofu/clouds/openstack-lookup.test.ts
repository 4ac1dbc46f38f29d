import { createNetworkDouble, type NetworkDouble } from '@trellis/cloudprovider/openstack/testing/network-double'
import { createSeededRandom } from '@trellis/foundation/random'
import { describe, expect, it } from 'vitest'
import { createHastyClock } from '../../../../testing/hasty-clock.ts'
import { infrastructureRequest } from '../../../../testing/infrastructure-request.ts'
import { createOpenStackInfrastructure } from '../../openstack/engine.ts'
import { connectedOpenStack } from './connected-openstack.ts'

const mark = 'kubernetes.io-cluster-shoot--local--first'
const name = 'shoot--local--first'
const secret = {
  authURL: 'https://keystone.example/v3',
  username: 'grower',
  password: 'correct-horse',
  tenantName: 'tenant',
  domainName: 'domain',
}

type Networks = Readonly<Record<string, unknown>>

function house(networks: Networks = {}) {
  const double = createNetworkDouble()
  const ports = { clock: createHastyClock(), random: createSeededRandom('lookup'), connect: () => double.connect() }
  const cloud = connectedOpenStack(ports)
  const configuration = { floatingPoolName: 'outside', networks }
  const request = infrastructureRequest({ secret, configuration })
  return {
    double,
    request,
    cloud,
    sdk: createOpenStackInfrastructure(ports),
    find: () => cloud.findExisting?.(request, cloud.variables(request)),
    removeLeftovers: () => cloud.removeLeftovers?.(request, cloud.variables(request)),
  }
}

/** The ids of a sort, but for the network to the outside. */
const idsOf = (double: NetworkDouble, sort: Parameters<NetworkDouble['all']>[0]) =>
  double
    .all(sort)
    .filter((one) => one['router:external'] === undefined)
    .map(({ id }) => id)

describe('looking for what exists at OpenStack', () => {
  it('finds all that the module makes, by what the other engine made', async () => {
    const { double, sdk, request, find } = house()
    await sdk.apply(request)
    const [only = ''] = idsOf(double, 'routers')
    const found = (await find()) ?? {}
    expect(found).toEqual({
      'openstack_networking_router_v2.nodes[0]': only,
      'openstack_networking_network_v2.nodes[0]': idsOf(double, 'networks')[0],
      'openstack_networking_subnet_v2.nodes[0]': idsOf(double, 'subnets')[0],
      'openstack_networking_router_interface_v2.nodes[0]': idsOf(double, 'ports')[0],
      'openstack_networking_secgroup_v2.nodes': idsOf(double, 'securityGroups')[0],
      'openstack_networking_secgroup_rule_v2.self': expect.any(String),
      'openstack_networking_secgroup_rule_v2.pods': expect.any(String),
      'openstack_networking_secgroup_rule_v2.node_ports["tcp"]': expect.any(String),
      'openstack_networking_secgroup_rule_v2.node_ports["udp"]': expect.any(String),
      'openstack_compute_keypair_v2.nodes': name,
    })
    const rule = (key: string) => {
      const id = found[`openstack_networking_secgroup_rule_v2.${key}`]
      return double.all('securityGroupRules').find((one) => one.id === id)
    }
    expect(rule('self')).toMatchObject({ direction: 'ingress', ethertype: 'IPv4', remote_group_id: expect.any(String) })
    expect(rule('pods')).toMatchObject({ direction: 'ingress', remote_ip_prefix: '100.96.0.0/16' })
    expect(rule('node_ports["udp"]')).toMatchObject({ protocol: 'udp', port_range_min: 30_000 })
  })

  it('finds nothing in an empty project', async () => {
    expect(await house().find()).toEqual({})
  })

  it('tells rules of everywhere that Neutron tells in two ways, and of others', async () => {
    const { double, find } = house()
    double.add('securityGroups', { name, description: mark })
    const [group] = idsOf(double, 'securityGroups')
    const ports = { security_group_id: group, direction: 'ingress', ethertype: 'IPv4', port_range_max: 32_767 }
    double.add('securityGroupRules', { ...ports, protocol: 'tcp', port_range_min: 22 })
    double.add('securityGroupRules', { ...ports, protocol: 'tcp', port_range_min: 30_000 })
    double.add('securityGroupRules', { ...ports, remote_group_id: 'foreign' })
    expect(await find()).toEqual({
      'openstack_networking_secgroup_v2.nodes': group,
      'openstack_networking_secgroup_rule_v2.node_ports["tcp"]': idsOf(double, 'securityGroupRules')[3],
    })
  })

  it('does not look for what the user brings', async () => {
    const { double, find } = house({ router: { id: 'own' }, id: 'mine' })
    for (const sort of ['routers', 'networks', 'subnets'] as const) double.add(sort, { name, description: mark })
    const [subnet] = idsOf(double, 'subnets')
    double.add('ports', { device_id: 'own', fixed_ips: [{ subnet_id: subnet, ip_address: '10.250.0.1' }] })
    expect(await find()).toEqual({
      'openstack_networking_subnet_v2.nodes[0]': subnet,
      'openstack_networking_router_interface_v2.nodes[0]': idsOf(double, 'ports')[0],
    })
  })

  it('leaves the connection alone of those who bring both ends', async () => {
    const { double, find } = house({ router: { id: 'own' }, id: 'mine', subnetId: 'part' })
    double.add('ports', { device_id: 'own', fixed_ips: [{ subnet_id: 'part', ip_address: '10.250.0.1' }] })
    expect(await find()).toEqual({})
  })

  it('leaves alone what says that it is another’s', async () => {
    const { double, find } = house()
    double.add('networks', { name, description: 'of somebody' })
    expect(await find()).toEqual({})
  })

  it('refuses to choose between two of one name', async () => {
    const { double, find } = house()
    for (const _ of ['one', 'two']) double.add('networks', { name, description: mark })
    await expect(find()).rejects.toMatchObject({ kind: 'Conflict' })
  })
})

describe('what a cluster left at OpenStack', () => {
  it('goes, and what is of others stays', async () => {
    const { double, request, sdk, removeLeftovers } = house()
    await sdk.apply(request)
    const [subnet] = idsOf(double, 'subnets')
    for (const cluster of [name, 'shoot--local--second']) {
      double.add('floatingIps', { description: `Floating IP for service default/web from cluster ${cluster}` })
      double.add('volumes', { name: cluster, metadata: { 'cinder.csi.openstack.org/cluster': cluster } })
      double.add('securityGroups', { name: 'lb-sg-1', description: `for default/web in cluster ${cluster}` })
    }
    double.add('loadBalancers', { name: `kube_service_${name}_default_web`, vip_subnet_id: subnet })
    double.add('loadBalancers', { name: 'of-another', vip_subnet_id: 'elsewhere' })
    await removeLeftovers()
    const told = (sort: Parameters<NetworkDouble['all']>[0]) =>
      double.all(sort).map(({ name: one, description }) => description ?? one)
    expect(told('floatingIps')).toEqual(['Floating IP for service default/web from cluster shoot--local--second'])
    expect(told('volumes')).toEqual(['shoot--local--second'])
    expect(told('securityGroups')).toEqual([mark, 'for default/web in cluster shoot--local--second'])
    expect(told('loadBalancers')).toEqual(['of-another'])
  })

  it('goes by what was made, whatever the configuration has become', async () => {
    const { double, request, cloud } = house()
    const variables = cloud.variables(request)
    double.add('networks', { name, description: mark })
    double.add('ports', { network_id: idsOf(double, 'networks')[0] })
    await cloud.removeLeftovers?.({ ...request, configuration: { wrong: true } }, variables)
    expect(idsOf(double, 'ports')).toEqual([])
  })
})
