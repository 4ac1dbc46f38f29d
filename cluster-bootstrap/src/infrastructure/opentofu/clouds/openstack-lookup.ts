import type { SecurityGroupRule } from '@trellis/cloudprovider/openstack/resources'
import type { InfrastructureContext } from '../../openstack/context.ts'
import { findOwn, unlessGone } from '../../openstack/named.ts'
import type { Existing } from '../cloud.ts'
import { presentOnly } from './present.ts'

/**
 * What `modules/openstack` would make and the account has already, by name and mark and by what it hangs on: import identifiers by address. Throws `Conflict` when a name is
 * there twice, since nobody can tell then which one is meant.
 */
export async function findExistingOpenStack(context: InfrastructureContext): Promise<Existing> {
  const { client, configuration, name, pods, call } = context
  const { routerId, networkId, subnetId } = configuration
  const [router, network, subnet, group, keyPair] = await Promise.all([
    routerId === undefined ? findOwn(context, { what: 'router', collection: client.routers }) : undefined,
    networkId === undefined ? findOwn(context, { what: 'network', collection: client.networks }) : undefined,
    subnetId === undefined ? findOwn(context, { what: 'subnet', collection: client.subnets }) : undefined,
    findOwn(context, { what: 'security-group', collection: client.securityGroups }),
    unlessGone(() => client.keypairs.get(name, call)),
  ])
  const bringsBoth = routerId !== undefined && subnetId !== undefined
  const [port, rules] = await Promise.all([
    bringsBoth ? undefined : findInterface(context, routerId ?? router?.id, subnetId ?? subnet?.id),
    group === undefined ? [] : client.securityGroupRules.list({ security_group_id: group.id }, call),
  ])
  return presentOnly({
    'openstack_networking_router_v2.nodes[0]': router?.id,
    'openstack_networking_network_v2.nodes[0]': network?.id,
    'openstack_networking_subnet_v2.nodes[0]': subnet?.id,
    'openstack_networking_router_interface_v2.nodes[0]': port,
    'openstack_networking_secgroup_v2.nodes': group?.id,
    ...(group === undefined ? {} : identifyRules(rules, group.id, pods)),
    'openstack_compute_keypair_v2.nodes': keyPair === undefined ? undefined : name,
  })
}

/** The port by which the router is in the subnet; its owner's name depends on the kind of router. */
async function findInterface(
  { client, call }: InfrastructureContext,
  router: string | undefined,
  subnet: string | undefined,
): Promise<string | undefined> {
  if (router === undefined || subnet === undefined) return undefined
  const ports = await client.ports.list({ device_id: router }, call)
  return ports.find((port) => port.fixed_ips.some((address) => address.subnet_id === subnet))?.id
}

const everywhere = '0.0.0.0/0'

function identifyRules(
  rules: readonly SecurityGroupRule[],
  group: string,
  pods: string,
): Readonly<Record<string, string | undefined>> {
  const ingress = rules.filter((rule) => rule.direction === 'ingress' && rule.ethertype === 'IPv4')
  const isNodePorts = (rule: SecurityGroupRule, protocol: string) =>
    rule.protocol === protocol &&
    rule.port_range_min === 30000 &&
    rule.port_range_max === 32767 &&
    // Neutron tells "from everywhere" in two ways.
    (rule.remote_ip_prefix ?? everywhere) === everywhere &&
    rule.remote_group_id === null
  const nodePorts = ['tcp', 'udp'].map((protocol) => [
    `openstack_networking_secgroup_rule_v2.node_ports["${protocol}"]`,
    ingress.find((rule) => isNodePorts(rule, protocol))?.id,
  ])
  return {
    'openstack_networking_secgroup_rule_v2.self': ingress.find(
      (rule) => rule.remote_group_id === group && rule.protocol === null,
    )?.id,
    'openstack_networking_secgroup_rule_v2.pods': ingress.find(
      (rule) => rule.remote_ip_prefix === pods && rule.protocol === null,
    )?.id,
    ...Object.fromEntries(nodePorts),
  }
}
