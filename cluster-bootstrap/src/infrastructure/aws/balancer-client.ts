import type * as ClassicSdk from '@aws-sdk/client-elastic-load-balancing'
import type * as CurrentSdk from '@aws-sdk/client-elastic-load-balancing-v2'
import { readTags } from '@trellis/cloudprovider/aws/answers'
import { allPages } from '@trellis/cloudprovider/aws/balancer-pages'
import {
  type AwsCaller,
  type AwsConnectionOptions,
  clientConfiguration,
  createCaller,
} from '@trellis/cloudprovider/aws/caller'
import type { LoadBalancer, LoadBalancerClient, Thing } from './network-types.ts'

/** Most load balancers whose tags one call tells. */
const mostAtOnce = 20

/** Load balancers of both generations, through their SDKs; calls end when the signal aborts. */
export function createBalancerClient(
  options: AwsConnectionOptions,
  signal: AbortSignal,
): LoadBalancerClient & Disposable {
  const classic = createCaller(options, async () => {
    const sdk = await import('@aws-sdk/client-elastic-load-balancing')
    return {
      sdk,
      client: new sdk.ElasticLoadBalancingClient(await clientConfiguration(options, 'elasticloadbalancing')),
    }
  })
  const current = createCaller(options, async () => {
    const sdk = await import('@aws-sdk/client-elastic-load-balancing-v2')
    return {
      sdk,
      client: new sdk.ElasticLoadBalancingV2Client(await clientConfiguration(options, 'elasticloadbalancing')),
    }
  })
  return {
    inVpc: async (vpcId) => [...(await findClassic(classic, vpcId)), ...(await findCurrent(current, vpcId))],
    remove: async ({ id, generation }) => {
      if (generation === 'classic') {
        await classic.call(
          'DeleteLoadBalancer',
          'change',
          ({ client, sdk }, send) => client.send(new sdk.DeleteLoadBalancerCommand({ LoadBalancerName: id }), send),
          signal,
        )
        return
      }
      await current.call(
        'DeleteLoadBalancer',
        'change',
        ({ client, sdk }, send) => client.send(new sdk.DeleteLoadBalancerCommand({ LoadBalancerArn: id }), send),
        signal,
      )
    },
    targetGroupsInVpc: (vpcId) => findTargetGroups(current, vpcId),
    removeTargetGroup: async (TargetGroupArn) => {
      await current.call(
        'DeleteTargetGroup',
        'change',
        ({ client, sdk }, send) => client.send(new sdk.DeleteTargetGroupCommand({ TargetGroupArn }), send),
        signal,
      )
    },
    [Symbol.dispose]: () => {
      classic[Symbol.dispose]()
      current[Symbol.dispose]()
    },
  }
}

type ClassicCaller = AwsCaller<ClassicSdk.ElasticLoadBalancingClient, typeof ClassicSdk>
type CurrentCaller = AwsCaller<CurrentSdk.ElasticLoadBalancingV2Client, typeof CurrentSdk>

async function findClassic({ call }: ClassicCaller, vpcId: string): Promise<readonly LoadBalancer[]> {
  const names = await allPages(async (Marker) => {
    const answer = await call('DescribeLoadBalancers', 'read', ({ client, sdk }, send) =>
      client.send(new sdk.DescribeLoadBalancersCommand(Marker), send),
    )
    const found = (answer.LoadBalancerDescriptions ?? []).flatMap(({ LoadBalancerName, VPCId }) =>
      VPCId === vpcId && LoadBalancerName !== undefined ? [LoadBalancerName] : [],
    )
    return { found, next: answer.NextMarker }
  })
  return inPortions(names, async (LoadBalancerNames) => {
    const answer = await call('DescribeTags', 'read', ({ client, sdk }, send) =>
      client.send(new sdk.DescribeTagsCommand({ LoadBalancerNames }), send),
    )
    return (answer.TagDescriptions ?? []).map(({ LoadBalancerName = '', Tags }) => ({
      id: LoadBalancerName,
      generation: 'classic' as const,
      tags: readTags(Tags),
    }))
  })
}

async function findCurrent({ call }: CurrentCaller, vpcId: string): Promise<readonly LoadBalancer[]> {
  const arns = await allPages(async (Marker) => {
    const answer = await call('DescribeLoadBalancers', 'read', ({ client, sdk }, send) =>
      client.send(new sdk.DescribeLoadBalancersCommand(Marker), send),
    )
    const found = (answer.LoadBalancers ?? []).flatMap(({ LoadBalancerArn, VpcId }) =>
      VpcId === vpcId && LoadBalancerArn !== undefined ? [LoadBalancerArn] : [],
    )
    return { found, next: answer.NextMarker }
  })
  const things = await withTags({ call }, arns)
  return things.map((one) => ({ ...one, generation: 'current' as const }))
}

async function findTargetGroups({ call }: CurrentCaller, vpcId: string): Promise<readonly Thing[]> {
  const arns = await allPages(async (Marker) => {
    const answer = await call('DescribeTargetGroups', 'read', ({ client, sdk }, send) =>
      client.send(new sdk.DescribeTargetGroupsCommand(Marker), send),
    )
    const found = (answer.TargetGroups ?? []).flatMap(({ TargetGroupArn, VpcId }) =>
      VpcId === vpcId && TargetGroupArn !== undefined ? [TargetGroupArn] : [],
    )
    return { found, next: answer.NextMarker }
  })
  return withTags({ call }, arns)
}

/** Things of the newer generation with their tags. */
function withTags({ call }: Pick<CurrentCaller, 'call'>, arns: readonly string[]): Promise<readonly Thing[]> {
  return inPortions(arns, async (ResourceArns) => {
    const answer = await call('DescribeTags', 'read', ({ client, sdk }, send) =>
      client.send(new sdk.DescribeTagsCommand({ ResourceArns }), send),
    )
    return (answer.TagDescriptions ?? []).map(({ ResourceArn = '', Tags }) => ({
      id: ResourceArn,
      tags: readTags(Tags),
    }))
  })
}

async function inPortions<Found>(
  ids: readonly string[],
  ask: (portion: string[]) => Promise<readonly Found[]>,
): Promise<readonly Found[]> {
  const found: Found[] = []
  for (let first = 0; first < ids.length; first += mostAtOnce) {
    found.push(...(await ask(ids.slice(first, first + mostAtOnce))))
  }
  return found
}
