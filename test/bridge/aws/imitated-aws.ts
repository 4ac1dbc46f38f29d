import {
  DescribeInstanceAttributeCommand,
  DescribeInstancesCommand,
  DescribeRouteTablesCommand,
  DescribeVpcsCommand,
  EC2Client,
  type Instance,
} from '@aws-sdk/client-ec2'
import type { Ec2Facts } from '@trellis/localcloud/testing/ec2-metadata'
import type { ImitatedCloud, ImitatedNetwork, ImitatedRoute, ImitatedServer } from '../imitated-cloud.ts'

/** What makes AWS's API answer, seen as a cloud whose servers are to be made. */
export interface ImitatedAws extends ImitatedCloud, Disposable {
  /** What the metadata tells the server of that name; undefined when there is none. */
  factsOf(name: string): Promise<Ec2Facts | undefined>
}

/** Looks at the API behind an address, as its owner. Servers are named after their instances, networks after their VPCs. */
export function createImitatedAws(endpoint: string, region: string): ImitatedAws {
  const credentials = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'bridge' }
  const client = new EC2Client({ endpoint, region, credentials, maxAttempts: 1 })
  const living = async (abortSignal?: AbortSignal): Promise<readonly Instance[]> => {
    const states = [{ Name: 'instance-state-name', Values: ['pending', 'running'] }]
    const { Reservations = [] } = await client.send(
      new DescribeInstancesCommand({ Filters: states }),
      abortSignal && { abortSignal },
    )
    return Reservations.flatMap(({ Instances = [] }) => Instances)
  }
  const networks = async (abortSignal: AbortSignal): Promise<readonly ImitatedNetwork[]> => {
    const { Vpcs = [] } = await client.send(new DescribeVpcsCommand({}), { abortSignal })
    return Vpcs.flatMap(({ VpcId: name, CidrBlock: cidr, IsDefault }) =>
      name === undefined || cidr === undefined || IsDefault === true ? [] : [{ name, cidr }],
    )
  }
  const routes = async (abortSignal: AbortSignal): Promise<readonly ImitatedRoute[]> => {
    const { RouteTables = [] } = await client.send(new DescribeRouteTablesCommand({}), { abortSignal })
    const all = RouteTables.flatMap(({ VpcId: network = '', Routes = [] }) =>
      Routes.flatMap(({ DestinationCidrBlock: destination, InstanceId: server }) =>
        destination === undefined || server === undefined ? [] : [{ network, destination, server }],
      ),
    )
    // Each zone has a table of its own, all of which say the same.
    return [...new Map(all.map((route) => [`${route.network} ${route.destination}`, route])).values()]
  }
  return {
    observe: async (signal) => ({
      networks: await networks(signal),
      servers: (await living(signal)).flatMap(serverOf),
      routes: await routes(signal),
    }),
    factsOf: async (name) => {
      const instance = (await living()).find(({ InstanceId }) => InstanceId === name)
      if (instance === undefined) return undefined
      const { UserData } = await client.send(
        new DescribeInstanceAttributeCommand({ InstanceId: name, Attribute: 'userData' }),
      )
      return factsOf(instance, region, UserData?.Value)
    },
    [Symbol.dispose]: () => client.destroy(),
  }
}

function serverOf({
  InstanceId: name,
  VpcId: network,
  PrivateIpAddress: address,
}: Instance): readonly ImitatedServer[] {
  return name === undefined || network === undefined || address === undefined ? [] : [{ name, network, address }]
}

function factsOf(instance: Instance, region: string, userData: string | undefined): Ec2Facts {
  const { InstanceId = '', PrivateDnsName = '', PrivateIpAddress = '', InstanceType = '', ImageId = '' } = instance
  return {
    instanceId: InstanceId,
    localHostname: PrivateDnsName,
    localAddress: PrivateIpAddress,
    availabilityZone: instance.Placement?.AvailabilityZone ?? '',
    region,
    instanceType: InstanceType,
    imageId: ImageId,
    mac: instance.NetworkInterfaces?.[0]?.MacAddress ?? '',
    userData: userData === undefined ? undefined : Buffer.from(userData, 'base64').toString(),
  }
}
