import { clusterTag, keys, zoneKeys } from '../../aws/names.ts'
import type { IdentifiedRule, Rule } from '../../aws/network-types.ts'
import { identityName } from '../../aws/tasks/identity.ts'
import { sameRule } from '../../aws/tasks/security-group.ts'
import type { World } from '../../aws/world.ts'
import type { Existing } from '../cloud.ts'
import type { AwsVariables } from './aws.ts'
import { presentOnly } from './present.ts'

type Found = Readonly<Record<string, string | undefined>>

/**
 * What `modules/aws` would make and the account has already: import identifiers by address. Things are known by the cluster's tag and their name, what has no name by what it
 * hangs on, a role by its name and that tag.
 */
export async function findExistingAws(world: World, variables: AwsVariables): Promise<Existing> {
  const [identity, rules] = await Promise.all([findIdentity(world), findRules(world, variables)])
  const zones = Object.entries(variables.zones).map(([zone, { elastic_ip_allocation_id: given }]) =>
    findZone(world, zone, given === null),
  )
  return presentOnly(Object.assign({}, findVpc(world, variables), ...zones, identity, rules))
}

/** Where everything goes that has no nearer way. */
const everywhere = '0.0.0.0/0'

function findVpc({ survey }: World, { name, vpc_id: given }: AwsVariables): Found {
  const [dhcpOptions, vpc] = [survey.find('dhcp-options', keys.dhcpOptions), survey.find('vpc', keys.vpc)]
  const table = survey.find('route-table', keys.table)
  const pairName = `${name}-ssh-publickey`
  const isAssociated = dhcpOptions !== undefined && vpc?.dhcpOptionsId === dhcpOptions.id
  const own: Found = {
    'aws_vpc_dhcp_options.nodes[0]': dhcpOptions?.id,
    'aws_vpc.nodes[0]': vpc?.id,
    'aws_vpc_dhcp_options_association.nodes[0]': isAssociated ? vpc.id : undefined,
    'aws_internet_gateway.nodes[0]': survey.find('internet-gateway', keys.gateway)?.id,
  }
  return {
    ...(given === null ? own : {}),
    'aws_route_table.public': table?.id,
    'aws_route.public': table?.hasDefault === true ? `${table.id}_${everywhere}` : undefined,
    'aws_key_pair.nodes[0]': survey.all('key-pair').find((pair) => pair.name === pairName)?.name,
  }
}

function findZone({ survey }: World, zone: string, hasOwnAddress: boolean): Found {
  const known = zoneKeys(zone)
  const at = `[${JSON.stringify(zone)}]`
  const tables = { own: survey.find('route-table', known.table), public: survey.find('route-table', keys.table) }
  const uses = { workers: 'nodes', internal: 'internal', public: 'public' } as const
  const subnets = Object.entries(uses).flatMap(([use, place]): [string, string | undefined][] => {
    const subnet = survey.find('subnet', known.subnet(use as keyof typeof uses))
    const table = use === 'public' ? tables.public : tables.own
    const isAssociated = subnet !== undefined && table?.associations.has(subnet.id) === true
    return [
      [`aws_subnet.${place}${at}`, subnet?.id],
      [`aws_route_table_association.${place}${at}`, isAssociated ? `${subnet.id}/${table.id}` : undefined],
    ]
  })
  return {
    ...Object.fromEntries(subnets),
    [`aws_eip.nat${at}`]: hasOwnAddress ? survey.find('elastic-ip', known.address)?.id : undefined,
    [`aws_nat_gateway.nodes${at}`]: survey.find('natgateway', known.nat)?.id,
    [`aws_route_table.nodes${at}`]: tables.own?.id,
    [`aws_route.nat${at}`]: tables.own?.hasDefault === true ? `${tables.own.id}_${everywhere}` : undefined,
  }
}

async function findRules({ survey, clients }: World, { zones }: AwsVariables): Promise<Found> {
  const group = survey.find('security-group', keys.group)
  if (group === undefined) return {}
  const rules = await clients.network.rulesOf(group.id)
  const all = { protocol: '-1', fromPort: -1, toPort: -1 }
  const nodePorts = { fromPort: 30_000, toPort: 32_767 }
  const balancers = Object.entries(zones).flatMap(([zone, ranges]) =>
    (['internal', 'public'] as const).flatMap((place) =>
      ['tcp', 'udp'].map((protocol): [string, string | undefined] => [
        `aws_vpc_security_group_ingress_rule.node_ports[${JSON.stringify(`${zone}/${place}/${protocol}`)}]`,
        idOf(rules, { direction: 'in', protocol, ...nodePorts, peer: ranges[place] }),
      ]),
    ),
  )
  return {
    'aws_security_group.nodes': group.id,
    'aws_vpc_security_group_ingress_rule.self': idOf(rules, { direction: 'in', ...all, peer: group.id }),
    'aws_vpc_security_group_egress_rule.nodes': idOf(rules, { direction: 'out', ...all, peer: everywhere }),
    ...Object.fromEntries(balancers),
  }
}

function idOf(rules: readonly IdentifiedRule[], wanted: Omit<Rule, 'description'>): string | undefined {
  return rules.find((rule) => sameRule(rule, { ...wanted, description: '' }))?.id
}

/** A role of that name without the cluster's tag is somebody else's, and so is what goes with it. */
async function findIdentity({ clients: { identity }, request: { technicalId } }: World): Promise<Found> {
  const name = identityName(technicalId)
  const [role, policy, profile] = await Promise.all([
    identity.role(name),
    identity.policy(name, name),
    identity.profile(name),
  ])
  if (role?.tags[clusterTag(technicalId)] === undefined) return {}
  return {
    'aws_iam_role.nodes': name,
    'aws_iam_role_policy.nodes': policy === undefined ? undefined : `${name}:${name}`,
    'aws_iam_instance_profile.nodes': profile === undefined ? undefined : name,
  }
}
