import { createAwsCloudNetwork } from '@trellis/cloudprovider/aws/cloud-network'
import { shortNameOf } from '@trellis/cloudprovider/aws/load-balancer-plan'
import { startEc2Front } from '@trellis/cloudprovider/aws/testing/ec2-front'
import { contents, type Moto, motoRegion } from '@trellis/cloudprovider/aws/testing/moto'
import { createSystemClock } from '@trellis/foundation/clock'
import { createSystemRandom } from '@trellis/foundation/random'
import { createAwsInfrastructure } from '../src/infrastructure/aws/engine.ts'
import type { AwsClients } from '../src/infrastructure/aws/network-types.ts'
import type { AwsInfrastructureOptions } from '../src/infrastructure/aws/worlds.ts'
import { createDyingProcess } from './dying-process.ts'
import type { InfrastructureHarness, InfrastructureWish } from './infrastructure-conformance.ts'

/** Names of the clients' methods that only look. */
const questions = new Set([
  'find',
  'rulesOf',
  'hasDnsHostnames',
  'role',
  'policy',
  'profile',
  'inVpc',
  'targetGroupsInVpc',
])
const isQuestion = (name: string) => questions.has(name)

/** Calls that only look. */
const reading = /^(Describe|Get|List)/

/** What EC2 is asked for to see all that there is: the call, the element of one thing, and that of its id. */
const sorts = [
  ['DescribeVpcs', 'vpcSet', 'vpcId'],
  ['DescribeDhcpOptions', 'dhcpOptionsSet', 'dhcpOptionsId'],
  ['DescribeInternetGateways', 'internetGatewaySet', 'internetGatewayId'],
  ['DescribeRouteTables', 'routeTableSet', 'routeTableId'],
  ['DescribeSubnets', 'subnetSet', 'subnetId'],
  ['DescribeAddresses', 'addressesSet', 'allocationId'],
  ['DescribeNatGateways', 'natGatewaySet', 'natGatewayId'],
  ['DescribeSecurityGroups', 'securityGroupInfo', 'groupId'],
  ['DescribeKeyPairs', 'keySet', 'keyPairId'],
  ['DescribeVolumes', 'volumeSet', 'volumeId'],
  ['DescribeNetworkInterfaces', 'networkInterfaceSet', 'networkInterfaceId'],
] as const

/** Configuration of one zone. */
export function oneZone(change: object = {}): Record<string, unknown> {
  const zone = {
    name: `${motoRegion}a`,
    workers: '10.250.0.0/19',
    public: '10.250.96.0/22',
    internal: '10.250.112.0/22',
  }
  return { networks: { vpc: { cidr: '10.250.0.0/16' }, zones: [zone] }, ...change }
}

/** Configuration of two zones. */
export function twoZones(): Record<string, unknown> {
  const second = {
    name: `${motoRegion}b`,
    workers: '10.250.32.0/19',
    public: '10.250.100.0/22',
    internal: '10.250.116.0/22',
  }
  const { networks } = oneZone() as { networks: { vpc: object; zones: object[] } }
  return { networks: { ...networks, zones: [...networks.zones, second] }, enableECRAccess: false }
}

/** A wish for infrastructure in the region of moto. */
export function wishFor(cluster: string, configuration: unknown = oneZone()): InfrastructureWish {
  return {
    technicalId: `shoot--aws--${cluster}`,
    region: motoRegion,
    zones: [`${motoRegion}a`],
    networks: { nodes: '10.250.0.0/16', pods: '100.96.0.0/11', services: '100.64.0.0/13' },
    configuration,
    secret: {
      accessKeyID: 'AKIAIOSFODNN7EXAMPLE',
      secretAccessKey: 'wJalrXUtnFEMI',
      sshPublicKey: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKz0Vd0b0Xq3rYQ8bWn0Jr0Yw2f3JcW0VYb0qJtZ8l8E trellis',
    },
  }
}

/** A harness in front of moto. */
export interface AwsHarness extends InfrastructureHarness {
  /** Calls that moto was asked. */
  readonly calls: readonly string[]
  /** What else works at the same moto is made of. */
  readonly ports: AwsInfrastructureOptions
}

/** The engine of AWS in front of moto, emptied. */
export async function openAwsInfrastructure(moto: Moto): Promise<AwsHarness> {
  await moto.reset()
  await using stack = new AsyncDisposableStack()
  const front = stack.use(await startEc2Front(moto.url))
  const ports = { clock: createSystemClock(), random: createSystemRandom(), endpoints: front.endpoints }
  const owned = stack.move()
  const writes = () => front.calls.filter((call) => !reading.test(call)).length
  return {
    calls: front.calls,
    ports,
    // To die before a change is to die after the one before it, whose answer was heard: that side is tried at the doubles of other clouds, which are quicker than moto.
    moments: ['after'],
    engine: (diesAt, when = 'after') => {
      const { wrap, calls } = createDyingProcess(isQuestion, diesAt === undefined ? undefined : { at: diesAt, when })
      const wrapClients = ({ network, identity, balancers }: AwsClients) => ({
        network: wrap(network),
        identity: wrap(identity),
        balancers: wrap(balancers),
      })
      const before = writes()
      return { engine: createAwsInfrastructure({ ...ports, wrapClients }), calls, writes: () => writes() - before }
    },
    request: (cluster) => wishFor(cluster),
    changed: (cluster) => wishFor(cluster, twoZones()),
    remains: (cluster) => holdings(moto, cluster, (_name, id) => id),
    names: (cluster) => holdings(moto, cluster, (name) => name),
    leaveBehind: (cluster) => leaveBehind(moto, cluster),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Everything in the account that carries the tag of a cluster, or the name of its load balancer. */
async function holdings(moto: Moto, cluster: string, show: ShowHolding) {
  const balancers = contents(await moto.ask('elasticloadbalancing', 'DescribeLoadBalancers'), 'LoadBalancerName')
  const own = balancers.filter((name) => name === `lb-${cluster}`).map((name) => `load-balancer/${name}`)
  const { technicalId } = wishFor(cluster)
  return [...(await awsHoldings(moto, technicalId, show)), ...own, ...(await newerBalancers(moto, technicalId))].sort()
}

/** Load balancers of the newer generation and what they send traffic to, by the name that the cluster's controller gives them. */
async function newerBalancers(moto: Moto, technicalId: string): Promise<readonly string[]> {
  const own = shortNameOf(technicalId, leftBalancer)
  const found: string[] = []
  for (const [action, element] of [
    ['DescribeLoadBalancers', 'LoadBalancerName'],
    ['DescribeTargetGroups', 'TargetGroupName'],
  ] as const) {
    const names = contents(await moto.ask('elasticloadbalancing', action, { Version: '2015-12-01' }), element)
    found.push(...names.filter((name) => name.startsWith(own)).map((name) => `${element}/${name}`))
  }
  return found
}

type ShowHolding = (name: string, id: string) => string

/** Everything in the account that carries the tag or the name of a cluster, but for servers and load balancers. */
export async function awsHoldings(moto: Moto, technicalId: string, show: ShowHolding): Promise<readonly string[]> {
  const filter = { 'Filter.1.Name': 'tag-key', 'Filter.1.Value.1': `kubernetes.io/cluster/${technicalId}` }
  const found: string[] = []
  for (const [action, set, idElement] of sorts) {
    const xml = await moto.ask('ec2', action, action === 'DescribeNatGateways' ? {} : filter)
    for (const item of itemsOf(xml, set)) {
      const tags = [...item.matchAll(/<key>([^<]*)<\/key>\s*<value>([^<]*)</g)]
      const isMine = tags.some(([, key]) => key === `kubernetes.io/cluster/${technicalId}`)
      if (!isMine || /<state>deleted</.test(item)) continue
      const name = tags.find(([, key]) => key === 'Name')?.[2] ?? ''
      found.push(`${set}/${show(name, contents(item, idElement)[0] ?? '')}`)
    }
  }
  for (const [action, element] of [
    ['ListRoles', 'RoleName'],
    ['ListInstanceProfiles', 'InstanceProfileName'],
  ] as const) {
    const names = contents(await moto.ask('iam', action), element).filter((name) => name === `${technicalId}-nodes`)
    found.push(...new Set(names.map((name) => `${action}/${name}`)))
  }
  return found.sort()
}

/** The items of a set, without those of sets within them. */
function itemsOf(xml: string, set: string): readonly string[] {
  const whole = new RegExp(`<${set}>(.*)</${set}>`, 's').exec(xml)?.[1] ?? ''
  const items: string[] = []
  let depth = 0
  let begin = 0
  for (const match of whole.matchAll(/<(\/?)item>/g)) {
    if (match[1] === '' && depth++ === 0) begin = match.index
    if (match[1] === '/' && --depth === 0) items.push(whole.slice(begin, match.index))
  }
  return items
}

/** Name of the load balancer that the cluster's controller is to make. */
const leftBalancer = 'lb-7f8e2d9c-0f5b-4a58-9d0f-2f4b7c1e9a10'

/** What the cluster's own controller makes: routes to pods apart, which go with their tables, a load balancer with all that belongs to it. */
async function leaveBalancer(moto: Moto, clusterName: string): Promise<void> {
  const endpoints = { ec2: moto.url, elasticloadbalancing: moto.url }
  const secret = { accessKeyID: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI' }
  const options = { clock: createSystemClock(), endpoints, region: motoRegion, secret, clusterName }
  using network = createAwsCloudNetwork(options)
  const listener = { name: 'web', protocol: 'TCP', port: 80, nodePort: 30080 } as const
  await network.ensureLoadBalancer({ name: leftBalancer, service: 'ns/web', listeners: [listener], nodes: [] })
}

/** What a cluster's controllers make: load balancers of both generations with their groups, which machines let in, and a volume of a pod. */
async function leaveBehind(moto: Moto, cluster: string): Promise<void> {
  const technicalId = wishFor(cluster).technicalId
  const tag = `kubernetes.io/cluster/${technicalId}`
  const named = { 'Filter.1.Name': 'tag:Name' }
  const idOf = async (action: string, key: string, element: string) => {
    const xml = await moto.ask('ec2', action, { ...named, 'Filter.1.Value.1': `${technicalId}/${key}` })
    return contents(xml, element)[0] ?? ''
  }
  const [vpcId, subnetId, nodes] = [
    await idOf('DescribeVpcs', 'vpc', 'vpcId'),
    await idOf('DescribeSubnets', `zone/${motoRegion}a/subnet-public`, 'subnetId'),
    await idOf('DescribeSecurityGroups', 'security-group', 'groupId'),
  ]
  const owned = { 'TagSpecification.1.Tag.1.Key': tag, 'TagSpecification.1.Tag.1.Value': 'owned' }
  const group = { GroupName: `k8s-elb-${cluster}`, GroupDescription: 'load balancer', VpcId: vpcId }
  const made = await moto.ask('ec2', 'CreateSecurityGroup', {
    ...group,
    'TagSpecification.1.ResourceType': 'security-group',
    ...owned,
  })
  const groupId = contents(made, 'groupId')[0] ?? ''
  const rule = { 'IpPermissions.1.IpProtocol': '-1', 'IpPermissions.1.Groups.1.GroupId': groupId }
  await moto.ask('ec2', 'AuthorizeSecurityGroupIngress', { GroupId: nodes, ...rule })
  await moto.ask('elasticloadbalancing', 'CreateLoadBalancer', {
    LoadBalancerName: `lb-${cluster}`,
    'Listeners.member.1.Protocol': 'TCP',
    'Listeners.member.1.LoadBalancerPort': '80',
    'Listeners.member.1.InstancePort': '30080',
    'Subnets.member.1': subnetId,
    'Tags.member.1.Key': tag,
    'Tags.member.1.Value': 'owned',
  })
  await leaveBalancer(moto, technicalId)
  const volume = { Size: '1', AvailabilityZone: `${motoRegion}a`, 'TagSpecification.1.ResourceType': 'volume' }
  await moto.ask('ec2', 'CreateVolume', { ...volume, ...owned })
}
