import type * as Sdk from '@aws-sdk/client-ec2'
import { present } from '@trellis/cloudprovider/aws/answers'
import type { Ec2Caller } from '@trellis/cloudprovider/aws/ec2-caller'
import { createNetworkReads, everywhere } from './network-reads.ts'
import type { NetworkClient, Rule, Sort, Tags, Wish } from './network-types.ts'

type Connection = Parameters<Parameters<Ec2Caller['call']>[2]>[0]
type Send = Parameters<Parameters<Ec2Caller['call']>[2]>[1]

/** EC2 through its SDK; calls end when the signal aborts. */
export function createNetworkClient(caller: Ec2Caller, signal: AbortSignal): NetworkClient {
  const change = <Answer>(api: string, send: (connection: Connection, options: Send) => Promise<Answer>) =>
    caller.call(api, 'change', send, signal)
  return {
    ...createNetworkReads(caller),
    create: (wish, tags) => create(change, wish, tagsFor(wish.sort, tags)),
    remove: (sort, id) => remove(change, sort, id),
    ...createVpcCalls(caller, change),
    ...createRouteCalls(change),
    ...createRuleCalls(change),
    setTags: async (ids, tags) => {
      const Tags = tagList(tags)
      await change('CreateTags', ({ client, sdk }, options) =>
        client.send(new sdk.CreateTagsCommand({ Resources: [...ids], Tags }), options),
      )
    },
  }
}

type Change = <Answer>(api: string, send: (connection: Connection, options: Send) => Promise<Answer>) => Promise<Answer>

function tagList(tags: Tags): Sdk.Tag[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
}

function tagsFor(sort: Sort, tags: Tags): { TagSpecifications: Sdk.TagSpecification[] } {
  return { TagSpecifications: [{ ResourceType: sort, Tags: tagList(tags) }] }
}

type Makers = {
  readonly [Kind in Wish['sort']]: (
    change: Change,
    wish: Extract<Wish, { sort: Kind }>,
    tags: { TagSpecifications: Sdk.TagSpecification[] },
  ) => Promise<string | undefined>
}

const makers: Makers = {
  'dhcp-options': async (change, { domain }, tags) => {
    const DhcpConfigurations = [
      { Key: 'domain-name', Values: [domain] },
      { Key: 'domain-name-servers', Values: ['AmazonProvidedDNS'] },
    ]
    const answer = await change('CreateDhcpOptions', ({ client, sdk }, options) =>
      client.send(new sdk.CreateDhcpOptionsCommand({ DhcpConfigurations, ...tags }), options),
    )
    return answer.DhcpOptions?.DhcpOptionsId
  },
  vpc: async (change, { cidr }, tags) => {
    const answer = await change('CreateVpc', ({ client, sdk }, options) =>
      client.send(new sdk.CreateVpcCommand({ CidrBlock: cidr, ...tags }), options),
    )
    return answer.Vpc?.VpcId
  },
  'internet-gateway': async (change, _wish, tags) => {
    const answer = await change('CreateInternetGateway', ({ client, sdk }, options) =>
      client.send(new sdk.CreateInternetGatewayCommand(tags), options),
    )
    return answer.InternetGateway?.InternetGatewayId
  },
  'route-table': async (change, { vpcId }, tags) => {
    const answer = await change('CreateRouteTable', ({ client, sdk }, options) =>
      client.send(new sdk.CreateRouteTableCommand({ VpcId: vpcId, ...tags }), options),
    )
    return answer.RouteTable?.RouteTableId
  },
  subnet: async (change, { vpcId, cidr, zone }, tags) => {
    const place = { VpcId: vpcId, CidrBlock: cidr, AvailabilityZone: zone }
    const answer = await change('CreateSubnet', ({ client, sdk }, options) =>
      client.send(new sdk.CreateSubnetCommand({ ...place, ...tags }), options),
    )
    return answer.Subnet?.SubnetId
  },
  'elastic-ip': async (change, _wish, tags) => {
    const answer = await change('AllocateAddress', ({ client, sdk }, options) =>
      client.send(new sdk.AllocateAddressCommand({ Domain: 'vpc', ...tags }), options),
    )
    return answer.AllocationId
  },
  natgateway: async (change, { subnetId, allocationId }, tags) => {
    const place = { SubnetId: subnetId, AllocationId: allocationId }
    const answer = await change('CreateNatGateway', ({ client, sdk }, options) =>
      client.send(new sdk.CreateNatGatewayCommand({ ...place, ...tags }), options),
    )
    return answer.NatGateway?.NatGatewayId
  },
  'security-group': async (change, { vpcId, name }, tags) => {
    const wish = { VpcId: vpcId, GroupName: name, Description: 'machines of the cluster' }
    const answer = await change('CreateSecurityGroup', ({ client, sdk }, options) =>
      client.send(new sdk.CreateSecurityGroupCommand({ ...wish, ...tags }), options),
    )
    return answer.GroupId
  },
  'key-pair': async (change, { name, publicKey }, tags) => {
    const wish = { KeyName: name, PublicKeyMaterial: Buffer.from(publicKey) }
    const answer = await change('ImportKeyPair', ({ client, sdk }, options) =>
      client.send(new sdk.ImportKeyPairCommand({ ...wish, ...tags }), options),
    )
    return answer.KeyPairId
  },
}

async function create<Kind extends Wish['sort']>(
  change: Change,
  wish: Extract<Wish, { sort: Kind }>,
  tags: { TagSpecifications: Sdk.TagSpecification[] },
): Promise<string> {
  const make = makers[wish.sort as Kind]
  return present(`the making of a ${wish.sort}`, 'an id', await make(change, wish, tags))
}

const removers: { readonly [Kind in Sort]: (change: Change, id: string) => Promise<unknown> } = {
  'dhcp-options': (change, DhcpOptionsId) =>
    change('DeleteDhcpOptions', ({ client, sdk }, options) =>
      client.send(new sdk.DeleteDhcpOptionsCommand({ DhcpOptionsId }), options),
    ),
  vpc: (change, VpcId) =>
    change('DeleteVpc', ({ client, sdk }, options) => client.send(new sdk.DeleteVpcCommand({ VpcId }), options)),
  'internet-gateway': (change, InternetGatewayId) =>
    change('DeleteInternetGateway', ({ client, sdk }, options) =>
      client.send(new sdk.DeleteInternetGatewayCommand({ InternetGatewayId }), options),
    ),
  'route-table': (change, RouteTableId) =>
    change('DeleteRouteTable', ({ client, sdk }, options) =>
      client.send(new sdk.DeleteRouteTableCommand({ RouteTableId }), options),
    ),
  subnet: (change, SubnetId) =>
    change('DeleteSubnet', ({ client, sdk }, options) =>
      client.send(new sdk.DeleteSubnetCommand({ SubnetId }), options),
    ),
  'elastic-ip': (change, AllocationId) =>
    change('ReleaseAddress', ({ client, sdk }, options) =>
      client.send(new sdk.ReleaseAddressCommand({ AllocationId }), options),
    ),
  natgateway: (change, NatGatewayId) =>
    change('DeleteNatGateway', ({ client, sdk }, options) =>
      client.send(new sdk.DeleteNatGatewayCommand({ NatGatewayId }), options),
    ),
  'security-group': (change, GroupId) =>
    change('DeleteSecurityGroup', ({ client, sdk }, options) =>
      client.send(new sdk.DeleteSecurityGroupCommand({ GroupId }), options),
    ),
  'key-pair': (change, KeyPairId) =>
    change('DeleteKeyPair', ({ client, sdk }, options) =>
      client.send(new sdk.DeleteKeyPairCommand({ KeyPairId }), options),
    ),
  'network-interface': (change, NetworkInterfaceId) =>
    change('DeleteNetworkInterface', ({ client, sdk }, options) =>
      client.send(new sdk.DeleteNetworkInterfaceCommand({ NetworkInterfaceId }), options),
    ),
  volume: (change, VolumeId) =>
    change('DeleteVolume', ({ client, sdk }, options) =>
      client.send(new sdk.DeleteVolumeCommand({ VolumeId }), options),
    ),
}

async function remove(change: Change, sort: Sort, id: string): Promise<void> {
  await removers[sort](change, id)
}

type VpcCalls = Pick<
  NetworkClient,
  'associateDhcpOptions' | 'hasDnsHostnames' | 'enableDnsHostnames' | 'attachGateway' | 'detachGateway'
>

function createVpcCalls({ call }: Ec2Caller, change: Change): VpcCalls {
  return {
    associateDhcpOptions: async (DhcpOptionsId, VpcId) => {
      await change('AssociateDhcpOptions', ({ client, sdk }, options) =>
        client.send(new sdk.AssociateDhcpOptionsCommand({ DhcpOptionsId, VpcId }), options),
      )
    },
    hasDnsHostnames: async (VpcId) => {
      const answer = await call('DescribeVpcAttribute', 'read', ({ client, sdk }, options) =>
        client.send(new sdk.DescribeVpcAttributeCommand({ VpcId, Attribute: 'enableDnsHostnames' }), options),
      )
      return answer.EnableDnsHostnames?.Value === true
    },
    enableDnsHostnames: async (VpcId) => {
      await change('ModifyVpcAttribute', ({ client, sdk }, options) =>
        client.send(new sdk.ModifyVpcAttributeCommand({ VpcId, EnableDnsHostnames: { Value: true } }), options),
      )
    },
    attachGateway: async (InternetGatewayId, VpcId) => {
      await change('AttachInternetGateway', ({ client, sdk }, options) =>
        client.send(new sdk.AttachInternetGatewayCommand({ InternetGatewayId, VpcId }), options),
      )
    },
    detachGateway: async (InternetGatewayId, VpcId) => {
      await change('DetachInternetGateway', ({ client, sdk }, options) =>
        client.send(new sdk.DetachInternetGatewayCommand({ InternetGatewayId, VpcId }), options),
      )
    },
  }
}

function createRouteCalls(
  change: Change,
): Pick<NetworkClient, 'setDefaultRoute' | 'associateTable' | 'disassociateTable'> {
  return {
    setDefaultRoute: async (RouteTableId, target, replace) => {
      const to = target.startsWith('nat-') ? { NatGatewayId: target } : { GatewayId: target }
      const route = { RouteTableId, DestinationCidrBlock: everywhere, ...to }
      await change<unknown>(replace ? 'ReplaceRoute' : 'CreateRoute', ({ client, sdk }, options) =>
        replace
          ? client.send(new sdk.ReplaceRouteCommand(route), options)
          : client.send(new sdk.CreateRouteCommand(route), options),
      )
    },
    associateTable: async (RouteTableId, SubnetId) => {
      await change('AssociateRouteTable', ({ client, sdk }, options) =>
        client.send(new sdk.AssociateRouteTableCommand({ RouteTableId, SubnetId }), options),
      )
    },
    disassociateTable: async (AssociationId) => {
      await change('DisassociateRouteTable', ({ client, sdk }, options) =>
        client.send(new sdk.DisassociateRouteTableCommand({ AssociationId }), options),
      )
    },
  }
}

function createRuleCalls(change: Change): Pick<NetworkClient, 'allow' | 'forbid'> {
  return {
    allow: async (GroupId, direction, rules) => {
      const wish = { GroupId, IpPermissions: rules.map(permission) }
      await change<unknown>(
        direction === 'in' ? 'AuthorizeSecurityGroupIngress' : 'AuthorizeSecurityGroupEgress',
        ({ client, sdk }, options) =>
          direction === 'in'
            ? client.send(new sdk.AuthorizeSecurityGroupIngressCommand(wish), options)
            : client.send(new sdk.AuthorizeSecurityGroupEgressCommand(wish), options),
      )
    },
    forbid: async (GroupId, direction, rules) => {
      const wish = { GroupId, IpPermissions: rules.map(permission) }
      await change<unknown>(
        direction === 'in' ? 'RevokeSecurityGroupIngress' : 'RevokeSecurityGroupEgress',
        ({ client, sdk }, options) =>
          direction === 'in'
            ? client.send(new sdk.RevokeSecurityGroupIngressCommand(wish), options)
            : client.send(new sdk.RevokeSecurityGroupEgressCommand(wish), options),
      )
    },
  }
}

function permission({ protocol, fromPort, toPort, peer, description }: Rule): Sdk.IpPermission {
  const ports = protocol === '-1' ? {} : { FromPort: fromPort, ToPort: toPort }
  const words = description === '' ? {} : { Description: description }
  const from = peer.startsWith('sg-')
    ? { UserIdGroupPairs: [{ GroupId: peer, ...words }] }
    : { IpRanges: [{ CidrIp: peer, ...words }] }
  return { IpProtocol: protocol, ...ports, ...from }
}
