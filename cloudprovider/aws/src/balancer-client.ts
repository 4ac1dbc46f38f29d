import type * as BalancerSdk from '@aws-sdk/client-elastic-load-balancing-v2'
import { isFailure } from '@trellis/foundation/failure'
import { present } from './answers.ts'
import { allPages } from './balancer-pages.ts'
import type { Balancer, BalancerClient, Listener, TargetGroup } from './balancer-types.ts'
import { type AwsCaller, type AwsConnectionOptions, clientConfiguration, createCaller } from './caller.ts'
import { tagList } from './run-request.ts'

type BalancerCaller = AwsCaller<BalancerSdk.ElasticLoadBalancingV2Client, typeof BalancerSdk>

/** Attribute of load balancers that lets each of their addresses serve all zones. */
const crossZoneKey = 'load_balancing.cross_zone.enabled'

/** Load balancers through their SDK, which is loaded with the first call. */
export function createBalancerClient(options: AwsConnectionOptions): BalancerClient {
  const caller: BalancerCaller = createCaller(options, async () => {
    const sdk = await import('@aws-sdk/client-elastic-load-balancing-v2')
    const configuration = await clientConfiguration(options, 'elasticloadbalancing')
    return { sdk, client: new sdk.ElasticLoadBalancingV2Client(configuration) }
  })
  return {
    ...createBalancerCalls(caller),
    ...createTargetGroupCalls(caller),
    ...createTargetCalls(caller),
    ...createListenerCalls(caller),
    [Symbol.dispose]: () => caller[Symbol.dispose](),
  }
}

type BalancerCalls = Pick<BalancerClient, 'find' | 'create' | 'setSubnets' | 'crossesZones' | 'crossZones' | 'remove'>

function createBalancerCalls({ call }: BalancerCaller): BalancerCalls {
  return {
    find: (name, signal) =>
      ifThere(async () => {
        const answer = await call(
          'DescribeLoadBalancers',
          'read',
          ({ client, sdk }, options) => client.send(new sdk.DescribeLoadBalancersCommand({ Names: [name] }), options),
          signal,
        )
        const [found] = answer.LoadBalancers ?? []
        return found === undefined ? undefined : readBalancer('DescribeLoadBalancers', found)
      }),
    create: async ({ name, internal, subnetIds, groupId, tags }, signal) => {
      const wish: BalancerSdk.CreateLoadBalancerCommandInput = {
        Name: name,
        Type: 'network',
        Scheme: internal ? 'internal' : 'internet-facing',
        Subnets: [...subnetIds],
        SecurityGroups: [groupId],
        Tags: tagList(tags),
      }
      const { LoadBalancers } = await call(
        'CreateLoadBalancer',
        'change',
        ({ client, sdk }, options) => client.send(new sdk.CreateLoadBalancerCommand(wish), options),
        signal,
      )
      return readBalancer('CreateLoadBalancer', present('CreateLoadBalancer', 'a load balancer', LoadBalancers?.[0]))
    },
    setSubnets: async (LoadBalancerArn, subnetIds, signal) => {
      const change = { LoadBalancerArn, Subnets: [...subnetIds] }
      await call(
        'SetSubnets',
        'change',
        ({ client, sdk }, options) => client.send(new sdk.SetSubnetsCommand(change), options),
        signal,
      )
    },
    crossesZones: async (LoadBalancerArn, signal) => {
      const { Attributes = [] } = await call(
        'DescribeLoadBalancerAttributes',
        'read',
        ({ client, sdk }, options) =>
          client.send(new sdk.DescribeLoadBalancerAttributesCommand({ LoadBalancerArn }), options),
        signal,
      )
      return Attributes.some(({ Key, Value }) => Key === crossZoneKey && Value === 'true')
    },
    crossZones: async (LoadBalancerArn, signal) => {
      const change = { LoadBalancerArn, Attributes: [{ Key: crossZoneKey, Value: 'true' }] }
      await call(
        'ModifyLoadBalancerAttributes',
        'change',
        ({ client, sdk }, options) => client.send(new sdk.ModifyLoadBalancerAttributesCommand(change), options),
        signal,
      )
    },
    remove: async (LoadBalancerArn, signal) => {
      await call(
        'DeleteLoadBalancer',
        'change',
        ({ client, sdk }, options) => client.send(new sdk.DeleteLoadBalancerCommand({ LoadBalancerArn }), options),
        signal,
      )
    },
  }
}

type TargetGroupCalls = Pick<
  BalancerClient,
  'findTargetGroup' | 'allTargetGroups' | 'createTargetGroup' | 'removeTargetGroup'
>

function createTargetGroupCalls({ call }: BalancerCaller): TargetGroupCalls {
  const describe = (question: BalancerSdk.DescribeTargetGroupsCommandInput, signal?: AbortSignal) =>
    call(
      'DescribeTargetGroups',
      'read',
      ({ client, sdk }, options) => client.send(new sdk.DescribeTargetGroupsCommand(question), options),
      signal,
    )
  return {
    findTargetGroup: (name, signal) =>
      ifThere(async () => (await describe({ Names: [name] }, signal)).TargetGroups?.map(readTargetGroup)[0]),
    allTargetGroups: (signal) =>
      allPages(async (marker) => {
        const { TargetGroups = [], NextMarker } = await describe(marker, signal)
        return { found: TargetGroups.map(readTargetGroup), next: NextMarker }
      }),
    createTargetGroup: async ({ name, protocol, port, vpcId, healthPort, tags }, signal) => {
      const wish: BalancerSdk.CreateTargetGroupCommandInput = {
        Name: name,
        Protocol: protocol,
        Port: port,
        VpcId: vpcId,
        TargetType: 'instance',
        HealthCheckProtocol: 'HTTP',
        HealthCheckPort: String(healthPort),
        HealthCheckPath: '/healthz',
        HealthCheckIntervalSeconds: 10,
        HealthyThresholdCount: 2,
        UnhealthyThresholdCount: 2,
        Tags: tagList(tags),
      }
      const { TargetGroups } = await call(
        'CreateTargetGroup',
        'change',
        ({ client, sdk }, options) => client.send(new sdk.CreateTargetGroupCommand(wish), options),
        signal,
      )
      return readTargetGroup(present('CreateTargetGroup', 'a target group', TargetGroups?.[0]))
    },
    removeTargetGroup: async (TargetGroupArn, signal) => {
      await call(
        'DeleteTargetGroup',
        'change',
        ({ client, sdk }, options) => client.send(new sdk.DeleteTargetGroupCommand({ TargetGroupArn }), options),
        signal,
      )
    },
  }
}

function createTargetCalls({ call }: BalancerCaller): Pick<BalancerClient, 'targets' | 'register' | 'deregister'> {
  return {
    targets: async (TargetGroupArn, signal) => {
      const { TargetHealthDescriptions = [] } = await call(
        'DescribeTargetHealth',
        'read',
        ({ client, sdk }, options) => client.send(new sdk.DescribeTargetHealthCommand({ TargetGroupArn }), options),
        signal,
      )
      const staying = TargetHealthDescriptions.filter(({ TargetHealth }) => TargetHealth?.State !== 'draining')
      return staying.map(({ Target }) => ({
        id: present('DescribeTargetHealth', 'the id of a target', Target?.Id),
        port: Target?.Port ?? 0,
      }))
    },
    register: async (TargetGroupArn, targets, signal) => {
      const change = { TargetGroupArn, Targets: targets.map(({ id, port }) => ({ Id: id, Port: port })) }
      await call(
        'RegisterTargets',
        'change',
        ({ client, sdk }, options) => client.send(new sdk.RegisterTargetsCommand(change), options),
        signal,
      )
    },
    deregister: async (TargetGroupArn, targets, signal) => {
      const change = { TargetGroupArn, Targets: targets.map(({ id, port }) => ({ Id: id, Port: port })) }
      await call(
        'DeregisterTargets',
        'change',
        ({ client, sdk }, options) => client.send(new sdk.DeregisterTargetsCommand(change), options),
        signal,
      )
    },
  }
}

function createListenerCalls({
  call,
}: BalancerCaller): Pick<BalancerClient, 'listeners' | 'createListener' | 'removeListener'> {
  return {
    listeners: (LoadBalancerArn, signal) =>
      allPages(async (marker) => {
        const { Listeners = [], NextMarker } = await call(
          'DescribeListeners',
          'read',
          ({ client, sdk }, options) =>
            client.send(new sdk.DescribeListenersCommand({ LoadBalancerArn, ...marker }), options),
          signal,
        )
        return { found: Listeners.map(readListener), next: NextMarker }
      }),
    createListener: async (LoadBalancerArn, { protocol, port, targetGroupArn, tags }, signal) => {
      const wish: BalancerSdk.CreateListenerCommandInput = {
        LoadBalancerArn,
        Protocol: protocol,
        Port: port,
        DefaultActions: [{ Type: 'forward', TargetGroupArn: targetGroupArn }],
        Tags: tagList(tags),
      }
      await call(
        'CreateListener',
        'change',
        ({ client, sdk }, options) => client.send(new sdk.CreateListenerCommand(wish), options),
        signal,
      )
    },
    removeListener: async (ListenerArn, signal) => {
      await call(
        'DeleteListener',
        'change',
        ({ client, sdk }, options) => client.send(new sdk.DeleteListenerCommand({ ListenerArn }), options),
        signal,
      )
    },
  }
}

function readBalancer(api: string, raw: BalancerSdk.LoadBalancer): Balancer {
  return {
    arn: present(api, 'the name of a load balancer', raw.LoadBalancerArn),
    dnsName: present(api, 'the DNS name of a load balancer', raw.DNSName),
    internal: raw.Scheme === 'internal',
    places: (raw.AvailabilityZones ?? []).map(({ ZoneName, SubnetId }) => ({
      zone: present(api, 'a zone', ZoneName),
      subnetId: present(api, 'a subnet', SubnetId),
    })),
  }
}

function readTargetGroup({ TargetGroupArn, TargetGroupName = '' }: BalancerSdk.TargetGroup): TargetGroup {
  return { arn: present('DescribeTargetGroups', 'the name of a target group', TargetGroupArn), name: TargetGroupName }
}

function readListener({ ListenerArn, Port = 0, Protocol = 'TCP' }: BalancerSdk.Listener): Listener {
  return { arn: present('DescribeListeners', 'the name of a listener', ListenerArn), port: Port, protocol: Protocol }
}

/** What is asked for by name and is not there. */
async function ifThere<Value>(ask: () => Promise<Value | undefined>): Promise<Value | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (isFailure(error, 'NotFound')) return undefined
    throw error
  }
}
