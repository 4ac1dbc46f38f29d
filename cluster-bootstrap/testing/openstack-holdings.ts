import type { NetworkDouble } from '@trellis/cloudprovider/openstack/testing/network-double'

/** All that says it is a cluster's, and what hangs on it. */
export function openStackHoldings(
  double: NetworkDouble,
  technicalId: string,
  show: 'id' | 'name' = 'id',
): readonly string[] {
  const ends = new RegExp(`(^|[/ _])${technicalId}($|_)`)
  const own = (['networks', 'subnets', 'routers', 'securityGroups', 'floatingIps', 'keypairs'] as const).flatMap(
    (sort) =>
      double
        .all(sort)
        .filter(({ name, description }) => ends.test(String(name)) || ends.test(String(description)))
        .map((one) => ({ sort, one })),
  )
  const ids = new Set(own.map(({ one }) => one.id))
  const hanging = [
    ...double.all('ports').filter(({ network_id }) => ids.has(String(network_id))),
    ...double.all('securityGroupRules').filter(({ security_group_id: group }) => ids.has(String(group))),
    ...double.all('loadBalancers').filter(({ name }) => ends.test(String(name))),
    ...double.all('volumes').filter(({ metadata }) => JSON.stringify(metadata).includes(`"${technicalId}"`)),
  ]
  const rest = hanging.map((one) => ({ sort: one.id.split('-')[0], one }))
  return [...own, ...rest].map(({ sort, one }) => `${sort} ${show === 'id' ? one.id : (one.name ?? '')}`).sort()
}
