import type * as Sdk from '@aws-sdk/client-ec2'
import { present, readTags } from '@trellis/cloudprovider/aws/answers'
import { type Ec2Caller, filtersToSend } from '@trellis/cloudprovider/aws/ec2-caller'
import type { Filter, IdentifiedRule, Rule, Sort, Thing, Things } from './network-types.ts'

type Page<Found> = { readonly found: readonly Found[]; readonly next: string | undefined }
type Options = { readonly Filters: { Name: string; Values: string[] }[]; readonly NextToken?: string }
type Reader<Kind extends Sort> = (options: Options) => Promise<Page<Things[Kind]>>

/** Where everything goes that has no nearer way. */
export const everywhere = '0.0.0.0/0'

/** Asks EC2 for things, page by page. */
export function createNetworkReads(caller: Ec2Caller) {
  const readers: { readonly [Kind in Sort]: Reader<Kind> } = { ...networkReaders(caller), ...partReaders(caller) }
  return {
    find: async <Kind extends Sort>(sort: Kind, filters: readonly Filter[]): Promise<readonly Things[Kind][]> => {
      const all: Things[Kind][] = []
      const read: Reader<Kind> = readers[sort]
      let token: string | undefined
      do {
        const more = token === undefined ? {} : { NextToken: token }
        const { found, next } = await read({ Filters: filtersToSend(filters), ...more })
        all.push(...found)
        token = next === '' ? undefined : next
      } while (token !== undefined)
      return all
    },
    rulesOf: (groupId: string) => readRules(caller, groupId),
  }
}

async function readRules({ call }: Ec2Caller, groupId: string): Promise<readonly IdentifiedRule[]> {
  const api = 'DescribeSecurityGroupRules'
  const Filters = [{ Name: 'group-id', Values: [groupId] }]
  const found: IdentifiedRule[] = []
  let NextToken: string | undefined
  do {
    const options = NextToken === undefined ? { Filters } : { Filters, NextToken }
    const answer = await call(api, 'read', ({ client, sdk }, send) =>
      client.send(new sdk.DescribeSecurityGroupRulesCommand(options), send),
    )
    found.push(...(answer.SecurityGroupRules ?? []).map((rule) => identifiedRule(api, rule)))
    NextToken = answer.NextToken === '' ? undefined : answer.NextToken
  } while (NextToken !== undefined)
  return found
}

function identifiedRule(api: string, rule: Sdk.SecurityGroupRule): IdentifiedRule {
  return {
    id: present(api, 'an id', rule.SecurityGroupRuleId),
    direction: rule.IsEgress === true ? 'out' : 'in',
    protocol: rule.IpProtocol ?? '-1',
    fromPort: rule.FromPort ?? -1,
    toPort: rule.ToPort ?? -1,
    peer: rule.CidrIpv4 ?? rule.CidrIpv6 ?? rule.PrefixListId ?? rule.ReferencedGroupInfo?.GroupId ?? '',
    description: rule.Description ?? '',
  }
}

function networkReaders({ call }: Ec2Caller) {
  return {
    'dhcp-options': async (options: Options) => {
      const api = 'DescribeDhcpOptions'
      const answer = await call(api, 'read', ({ client, sdk }, send) =>
        client.send(new sdk.DescribeDhcpOptionsCommand(options), send),
      )
      const found = (answer.DhcpOptions ?? []).map(({ DhcpOptionsId, Tags }) => thing(api, DhcpOptionsId, Tags))
      return { found, next: answer.NextToken }
    },
    vpc: async (options: Options) => {
      const api = 'DescribeVpcs'
      const answer = await call(api, 'read', ({ client, sdk }, send) =>
        client.send(new sdk.DescribeVpcsCommand(options), send),
      )
      const found = (answer.Vpcs ?? []).map(({ VpcId, Tags, CidrBlock = '', DhcpOptionsId = '' }) => ({
        ...thing(api, VpcId, Tags),
        cidr: CidrBlock,
        dhcpOptionsId: DhcpOptionsId,
      }))
      return { found, next: answer.NextToken }
    },
    'internet-gateway': async (options: Options) => {
      const api = 'DescribeInternetGateways'
      const answer = await call(api, 'read', ({ client, sdk }, send) =>
        client.send(new sdk.DescribeInternetGatewaysCommand(options), send),
      )
      const found = (answer.InternetGateways ?? []).map(({ InternetGatewayId, Tags, Attachments = [] }) => ({
        ...thing(api, InternetGatewayId, Tags),
        vpcIds: Attachments.flatMap(({ VpcId }) => VpcId ?? []),
      }))
      return { found, next: answer.NextToken }
    },
    'route-table': async (options: Options) => {
      const api = 'DescribeRouteTables'
      const answer = await call(api, 'read', ({ client, sdk }, send) =>
        client.send(new sdk.DescribeRouteTablesCommand(options), send),
      )
      const found = (answer.RouteTables ?? []).map((one) => ({
        ...thing(api, one.RouteTableId, one.Tags),
        vpcId: one.VpcId ?? '',
        ...defaultRoute(one.Routes ?? []),
        associations: new Map(
          (one.Associations ?? []).flatMap(({ SubnetId, RouteTableAssociationId = '' }) =>
            SubnetId === undefined ? [] : [[SubnetId, RouteTableAssociationId] as const],
          ),
        ),
      }))
      return { found, next: answer.NextToken }
    },
    subnet: async (options: Options) => {
      const api = 'DescribeSubnets'
      const answer = await call(api, 'read', ({ client, sdk }, send) =>
        client.send(new sdk.DescribeSubnetsCommand(options), send),
      )
      const found = (answer.Subnets ?? []).map((one) => ({
        ...thing(api, one.SubnetId, one.Tags),
        vpcId: one.VpcId ?? '',
        cidr: one.CidrBlock ?? '',
        zone: one.AvailabilityZone ?? '',
      }))
      return { found, next: answer.NextToken }
    },
    natgateway: async ({ Filters, ...token }: Options) => {
      const api = 'DescribeNatGateways'
      const answer = await call(api, 'read', ({ client, sdk }, send) =>
        client.send(new sdk.DescribeNatGatewaysCommand({ Filter: Filters, ...token }), send),
      )
      const found = (answer.NatGateways ?? []).map((one) => ({
        ...thing(api, one.NatGatewayId, one.Tags),
        state: one.State ?? '',
        subnetId: one.SubnetId ?? '',
        failure: one.FailureMessage,
      }))
      return { found, next: answer.NextToken }
    },
  }
}

function partReaders({ call }: Ec2Caller) {
  return {
    'elastic-ip': async ({ Filters }: Options) => {
      const api = 'DescribeAddresses'
      const answer = await call(api, 'read', ({ client, sdk }, send) =>
        client.send(new sdk.DescribeAddressesCommand({ Filters }), send),
      )
      const found = (answer.Addresses ?? []).map(({ AllocationId, Tags, AssociationId = '' }) => ({
        ...thing(api, AllocationId, Tags),
        associated: AssociationId !== '',
      }))
      return { found, next: undefined }
    },
    'security-group': async (options: Options) => {
      const api = 'DescribeSecurityGroups'
      const answer = await call(api, 'read', ({ client, sdk }, send) =>
        client.send(new sdk.DescribeSecurityGroupsCommand(options), send),
      )
      const found = (answer.SecurityGroups ?? []).map((one) => ({
        ...thing(api, one.GroupId, one.Tags),
        name: one.GroupName ?? '',
        vpcId: one.VpcId ?? '',
        rules: [...rulesOf('in', one.IpPermissions ?? []), ...rulesOf('out', one.IpPermissionsEgress ?? [])],
      }))
      return { found, next: answer.NextToken }
    },
    'key-pair': async ({ Filters }: Options) => {
      const api = 'DescribeKeyPairs'
      const answer = await call(api, 'read', ({ client, sdk }, send) =>
        client.send(new sdk.DescribeKeyPairsCommand({ Filters }), send),
      )
      const found = (answer.KeyPairs ?? []).map(({ KeyPairId, Tags, KeyName = '' }) => ({
        ...thing(api, KeyPairId, Tags),
        name: KeyName,
      }))
      return { found, next: undefined }
    },
    'network-interface': async (options: Options) => {
      const api = 'DescribeNetworkInterfaces'
      const answer = await call(api, 'read', ({ client, sdk }, send) =>
        client.send(new sdk.DescribeNetworkInterfacesCommand(options), send),
      )
      const found = (answer.NetworkInterfaces ?? []).map(({ NetworkInterfaceId, TagSet, Status }) => ({
        ...thing(api, NetworkInterfaceId, TagSet),
        free: Status === 'available',
      }))
      return { found, next: answer.NextToken }
    },
    volume: async (options: Options) => {
      const api = 'DescribeVolumes'
      const answer = await call(api, 'read', ({ client, sdk }, send) =>
        client.send(new sdk.DescribeVolumesCommand(options), send),
      )
      const found = (answer.Volumes ?? []).map(({ VolumeId, Tags, State }) => ({
        ...thing(api, VolumeId, Tags),
        free: State === 'available',
      }))
      return { found, next: answer.NextToken }
    },
  }
}

function thing(api: string, id: string | undefined, tags: Sdk.Tag[] | undefined): Thing {
  return { id: present(api, 'an id', id), tags: readTags(tags) }
}

/** A route whose target was deleted stays as a black hole. */
function defaultRoute(routes: readonly Sdk.Route[]) {
  const route = routes.find(({ DestinationCidrBlock }) => DestinationCidrBlock === everywhere)
  const target = route?.State === 'blackhole' ? undefined : (route?.NatGatewayId ?? route?.GatewayId)
  return { hasDefault: route !== undefined, defaultTarget: target }
}

function rulesOf(direction: Rule['direction'], permissions: readonly Sdk.IpPermission[]): readonly Rule[] {
  return permissions.flatMap(
    ({ IpProtocol = '-1', FromPort = -1, ToPort = -1, IpRanges = [], UserIdGroupPairs = [] }) => {
      const ports = IpProtocol === '-1' ? { fromPort: -1, toPort: -1 } : { fromPort: FromPort, toPort: ToPort }
      const common = { direction, protocol: IpProtocol, ...ports }
      return [
        ...IpRanges.map(({ CidrIp = '', Description = '' }) => ({ ...common, peer: CidrIp, description: Description })),
        ...UserIdGroupPairs.map(({ GroupId = '', Description = '' }) => ({
          ...common,
          peer: GroupId,
          description: Description,
        })),
      ]
    },
  )
}
