import { Failure } from '@trellis/foundation/failure'
import { ownedBy } from './node-servers.ts'
import type { Subnet, SubnetClient } from './subnets.ts'

/** Where load balancers are looked for. */
export interface PlaceOptions {
  readonly subnets: SubnetClient
  readonly clusterName: string
}

/** One subnet in each zone that is meant for load balancers of that sort, all of one VPC. `NotFound` when there is none. */
export async function findPlaces(
  { subnets, clusterName }: PlaceOptions,
  internal: boolean,
  signal: AbortSignal | undefined,
): Promise<readonly [Subnet, ...Subnet[]]> {
  const role = internal ? 'kubernetes.io/role/internal-elb' : 'kubernetes.io/role/elb'
  // Of two filters of one name EC2 does not say what they mean together.
  const found = await subnets.findSubnets([ownedBy(clusterName)], signal)
  const [first, ...others] = onePerZone(found.filter(({ tags }) => tags[role] !== undefined))
  if (first !== undefined) return [first, ...others]
  throw new Failure('NotFound', `the cluster has no subnet for ${internal ? 'internal' : 'public'} load balancers`, {
    remedy: `give such subnets the tags ${role} and ${ownedBy(clusterName).Values[0]}`,
  })
}

/** The first of each zone by its id, so that the choice is always the same; AWS takes one per zone. */
export function onePerZone(subnets: readonly Subnet[]): readonly Subnet[] {
  const sorted = [...subnets].sort((left, right) => (left.id < right.id ? -1 : 1))
  return sorted.filter(
    ({ zone, vpcId }, index) =>
      vpcId === sorted[0]?.vpcId && sorted.findIndex((one) => one.zone === zone && one.vpcId === vpcId) === index,
  )
}
