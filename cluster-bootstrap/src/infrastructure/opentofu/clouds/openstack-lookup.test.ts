import { describe, expect, it } from 'vitest'
import { findExistingOpenStack } from './openstack-lookup.ts'

const variables = {
  name: 'shoot--local--first',
  region: 'region',
  nodes_cidr: '10.250.0.0/16',
  pods_cidr: '100.96.0.0/16',
  floating_pool_name: 'public',
  floating_pool_subnet_name: null,
  router_id: null,
  network_id: null,
  subnet_id: null,
  dns_servers: [],
  ssh_public_key: 'ssh-ed25519 AAAA',
}

const nodePorts = { remote_group_id: null, remote_ip_prefix: '0.0.0.0/0', port_range_min: 30000, port_range_max: 32767 }
const open = {
  protocol: null,
  remote_group_id: null,
  remote_ip_prefix: null,
  port_range_min: null,
  port_range_max: null,
}
const ingress = { direction: 'ingress', ethertype: 'IPv4' }

const rules = [
  { id: 'out-4', ...open, direction: 'egress', ethertype: 'IPv4' },
  { id: 'out-6', ...open, direction: 'egress', ethertype: 'IPv6' },
  { id: 'self', ...open, ...ingress, remote_group_id: 'group' },
  { id: 'other', ...open, ...ingress, remote_group_id: 'foreign' },
  { id: 'pods', ...open, ...ingress, remote_ip_prefix: '100.96.0.0/16' },
  { id: 'tcp', ...ingress, ...nodePorts, protocol: 'tcp', remote_ip_prefix: null },
  { id: 'udp', ...ingress, ...nodePorts, protocol: 'udp' },
  { id: 'ssh', ...ingress, ...nodePorts, protocol: 'tcp', port_range_min: 22, port_range_max: 22 },
]

const mark = 'kubernetes.io-cluster-shoot--local--first'

/** A project with all that the module makes. */
const whole = {
  '/v2.0/routers': { routers: [{ id: 'router', description: mark }] },
  '/v2.0/networks': { networks: [{ id: 'network', description: mark }] },
  '/v2.0/subnets': { subnets: [{ id: 'subnet', description: '' }] },
  '/v2.0/ports': {
    ports: [
      { id: 'gateway', fixed_ips: [{ subnet_id: 'outside' }] },
      { id: 'port', fixed_ips: [{ subnet_id: 'subnet' }] },
    ],
  },
  '/v2.0/security-groups': { security_groups: [{ id: 'group', description: mark, security_group_rules: rules }] },
  '/os-keypairs/shoot--local--first': { keypair: { name: 'shoot--local--first' } },
}

const empty = {
  '/v2.0/routers': { routers: [] },
  '/v2.0/networks': { networks: [] },
  '/v2.0/subnets': { subnets: [] },
  '/v2.0/ports': { ports: [] },
  '/v2.0/security-groups': { security_groups: [] },
}

function project(answers: Readonly<Record<string, unknown>>) {
  const asked: string[] = []
  return {
    asked,
    projectId: 'project',
    ask: async (service: string, path: string) => {
      asked.push(`${service} ${path}`)
      return answers[path.split('?')[0] ?? '']
    },
  }
}

describe('looking for what exists at OpenStack', () => {
  it('finds all that the module makes', async () => {
    expect(await findExistingOpenStack(project(whole), variables)).toEqual({
      'openstack_networking_router_v2.nodes[0]': 'router',
      'openstack_networking_network_v2.nodes[0]': 'network',
      'openstack_networking_subnet_v2.nodes[0]': 'subnet',
      'openstack_networking_router_interface_v2.nodes[0]': 'port',
      'openstack_networking_secgroup_v2.nodes': 'group',
      'openstack_networking_secgroup_rule_v2.self': 'self',
      'openstack_networking_secgroup_rule_v2.pods': 'pods',
      'openstack_networking_secgroup_rule_v2.node_ports["tcp"]': 'tcp',
      'openstack_networking_secgroup_rule_v2.node_ports["udp"]': 'udp',
      'openstack_compute_keypair_v2.nodes': 'shoot--local--first',
    })
  })

  it('finds nothing in an empty project', async () => {
    expect(await findExistingOpenStack(project(empty), variables)).toEqual({})
  })

  it('asks for this project’s own things by name', async () => {
    const { asked, ...questions } = project(whole)
    await findExistingOpenStack(questions, variables)
    expect(asked).toContain('network /v2.0/networks?name=shoot--local--first&project_id=project')
    expect(asked).toContain('network /v2.0/ports?device_id=router&project_id=project')
    expect(asked).toContain('compute /os-keypairs/shoot--local--first')
  })

  it('does not look for what the user brings', async () => {
    const { asked, ...questions } = project(whole)
    const own = { ...variables, router_id: 'own', network_id: 'mine' }
    const found = await findExistingOpenStack(questions, own)
    expect(Object.keys(found)).not.toContain('openstack_networking_router_v2.nodes[0]')
    expect(asked.filter((question) => /routers|networks/.test(question))).toEqual([])
    expect(asked).toContain('network /v2.0/ports?device_id=own&project_id=project')
  })

  it('leaves the connection alone of those who bring both ends', async () => {
    const { asked, ...questions } = project(whole)
    const own = { ...variables, router_id: 'own', network_id: 'mine', subnet_id: 'part' }
    const found = await findExistingOpenStack(questions, own)
    expect(Object.keys(found).filter((address) => /subnet|interface/.test(address))).toEqual([])
    expect(asked.filter((question) => /subnets|ports/.test(question))).toEqual([])
  })

  it('takes half of it for half of it', async () => {
    const half = { ...empty, '/v2.0/subnets': whole['/v2.0/subnets'], '/v2.0/networks': whole['/v2.0/networks'] }
    expect(await findExistingOpenStack(project(half), variables)).toEqual({
      'openstack_networking_network_v2.nodes[0]': 'network',
      'openstack_networking_subnet_v2.nodes[0]': 'subnet',
    })
  })

  it('leaves alone what says that it is another’s', async () => {
    const foreign = { ...empty, '/v2.0/networks': { networks: [{ id: 'one', description: 'of somebody' }] } }
    expect(await findExistingOpenStack(project(foreign), variables)).toEqual({})
  })

  it('refuses to choose between two of one name', async () => {
    const both = ['one', 'two'].map((id) => ({ id, description: mark }))
    const twice = { ...whole, '/v2.0/networks': { networks: both } }
    await expect(findExistingOpenStack(project(twice), variables)).rejects.toMatchObject({
      kind: 'Conflict',
      message: 'the project has 2 networks shoot--local--first',
    })
  })

  it('refuses an answer of another shape', async () => {
    await expect(findExistingOpenStack(project({ ...whole, '/v2.0/routers': {} }), variables)).rejects.toMatchObject({
      kind: 'Invalid',
      field: 'routers',
    })
  })
})
