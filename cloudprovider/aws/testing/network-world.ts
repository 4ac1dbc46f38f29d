import type { CloudNetwork } from '@trellis/cloudprovider/contract/cloud-network'
import { createSystemClock } from '@trellis/foundation/clock'
import { createAwsCloudNetwork } from '../src/cloud-network.ts'
import { type Ec2Front, startEc2Front } from './ec2-front.ts'
import { content, contents, type Moto, motoImage, motoRegion, tagParameters } from './moto.ts'

/** A VPC as the infrastructure engine makes it, seen by its cluster and by another one beside it. */
export interface NetworkWorld extends AsyncDisposable {
  readonly front: Ec2Front
  readonly network: CloudNetwork
  readonly foreign: CloudNetwork
  /** Tables of the machines' subnets in two zones. */
  readonly zoneTables: readonly [string, string]
  /** The table of public subnets, which leads to the internet. */
  readonly publicTable: string
  readonly vpcId: string
  /** Subnets of public load balancers in two zones, and of internal ones in the first. */
  readonly publicSubnets: readonly [string, string]
  readonly internalSubnet: string
  /** The security group of machines. */
  readonly nodeGroup: string
  /** Starts a server with so many interfaces; the name of its node, which EC2 chooses. */
  addNode(label?: string, interfaces?: number): Promise<string>
  removeNode(node: string): Promise<void>
  /** The server of a node. */
  serverOf(node: string): Promise<string>
  /** Destinations of a table, with what they lead to. */
  routesOf(tableId: string): Promise<readonly string[]>
}

/** Name of the cluster in the world. */
export const worldCluster = 'shoot--aws--one'

/** Empties moto and builds the world in it. */
export async function createNetworkWorld(moto: Moto): Promise<NetworkWorld> {
  await moto.reset()
  const make = createMaker(moto)
  const VpcId = await make('CreateVpc', 'vpcId', 'vpc', { CidrBlock: '10.250.0.0/16' })
  const subnet = (CidrBlock: string, zone: string, role?: string) => {
    const place = { VpcId, CidrBlock, AvailabilityZone: `${motoRegion}${zone}` }
    return make('CreateSubnet', 'subnetId', 'subnet', place, role === undefined ? {} : { [role]: '1' })
  }
  const SubnetId = await subnet('10.250.0.0/19', 'a')
  const publicRole = 'kubernetes.io/role/elb'
  const publicSubnets = [
    await subnet('10.250.96.0/22', 'a', publicRole),
    await subnet('10.250.100.0/22', 'b', publicRole),
  ] as const
  const internalSubnet = await subnet('10.250.112.0/22', 'a', 'kubernetes.io/role/internal-elb')
  const group = { GroupName: 'nodes', GroupDescription: 'nodes', VpcId }
  const nodeGroup = await make('CreateSecurityGroup', 'groupId', 'security-group', group)
  const gateway = await make('CreateInternetGateway', 'internetGatewayId', 'internet-gateway', {})
  await moto.ask('ec2', 'AttachInternetGateway', { VpcId, InternetGatewayId: gateway })
  const table = () => make('CreateRouteTable', 'routeTableId', 'route-table', { VpcId })
  const [publicTable, first, second] = [await table(), await table(), await table()]
  const out = { DestinationCidrBlock: '0.0.0.0/0', GatewayId: gateway }
  await moto.ask('ec2', 'CreateRoute', { RouteTableId: publicTable, ...out })
  await foreignThings(moto, VpcId)
  await using stack = new AsyncDisposableStack()
  const front = stack.use(await startEc2Front(moto.url))
  const open = (clusterName: string) => {
    const secret = { accessKeyID: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI' }
    const { endpoints } = front
    return stack.use(
      createAwsCloudNetwork({ clock: createSystemClock(), endpoints, region: motoRegion, secret, clusterName }),
    )
  }
  const [network, foreign] = [open(worldCluster), open('shoot--aws--two')]
  const owned = stack.move()
  const serverOf = async (node: string) => {
    const filter = { 'Filter.1.Name': 'private-dns-name', 'Filter.1.Value.1': node }
    return content(await moto.ask('ec2', 'DescribeInstances', filter), 'instanceId')
  }
  return {
    front,
    network,
    foreign,
    zoneTables: [first, second],
    publicTable,
    vpcId: VpcId,
    publicSubnets,
    internalSubnet,
    nodeGroup,
    addNode: (_label, interfaces = 1) => addServer(moto, SubnetId, interfaces),
    removeNode: async (node) =>
      void (await moto.ask('ec2', 'TerminateInstances', { 'InstanceId.1': await serverOf(node) })),
    serverOf,
    routesOf: async (tableId) => routesIn(await moto.ask('ec2', 'DescribeRouteTables', { 'RouteTableId.1': tableId })),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Makes things that carry the cluster's tag; what they are called. */
function createMaker(moto: Moto) {
  return async (
    action: string,
    element: string,
    kind: string,
    parameters: Readonly<Record<string, string>>,
    tags: Readonly<Record<string, string>> = {},
  ): Promise<string> => {
    const marks = tagParameters(kind, { ...clusterTags(worldCluster), ...tags })
    return content(await moto.ask('ec2', action, { ...parameters, ...marks }), element)
  }
}

function clusterTags(cluster: string): Readonly<Record<string, string>> {
  return { [`kubernetes.io/cluster/${cluster}`]: '1' }
}

/** The other cluster's, in the same VPC. */
async function foreignThings(moto: Moto, VpcId: string): Promise<void> {
  const tags = clusterTags('shoot--aws--two')
  await moto.ask('ec2', 'CreateRouteTable', { VpcId, ...tagParameters('route-table', tags) })
  const subnet = { VpcId, CidrBlock: '10.250.200.0/22', AvailabilityZone: `${motoRegion}a` }
  const roles = { ...tags, 'kubernetes.io/role/elb': '1' }
  await moto.ask('ec2', 'CreateSubnet', { ...subnet, ...tagParameters('subnet', roles) })
}

async function addServer(moto: Moto, SubnetId: string, interfaces: number): Promise<string> {
  const request = { ImageId: motoImage.id, MinCount: '1', MaxCount: '1' }
  const cards = Array.from({ length: interfaces }, (_, index) => [
    [`NetworkInterface.${index + 1}.DeviceIndex`, String(index)],
    [`NetworkInterface.${index + 1}.SubnetId`, SubnetId],
  ])
  const tags = tagParameters('instance', clusterTags(worldCluster))
  const answer = await moto.ask('ec2', 'RunInstances', { ...request, ...Object.fromEntries(cards.flat()), ...tags })
  return content(answer, 'privateDnsName')
}

function routesIn(xml: string): readonly string[] {
  const set = /<routeSet>(.*?)<\/routeSet>/s.exec(xml)?.[1] ?? ''
  return set
    .split('</item>')
    .flatMap((item) => {
      const [destination] = contents(item, 'destinationCidrBlock')
      const [target] = ['instanceId', 'networkInterfaceId', 'gatewayId'].flatMap((name) => contents(item, name))
      return destination === undefined ? [] : [`${destination} ${target}`]
    })
    .sort()
}
