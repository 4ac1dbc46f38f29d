import type { GoogleCloud } from '@trellis/cloudprovider/gcp/testing/google-cloud'

const sorts = [
  'addresses',
  'firewalls',
  'forwardingRules',
  'networks',
  'routers',
  'routes',
  'serviceAccounts',
  'subnetworks',
  'targetPools',
]

/** Everything that there is beside servers, without what changes by itself. */
export function gcpHoldings({ world }: GoogleCloud): readonly string[] {
  const all = sorts.flatMap((sort) => [...world.everywhere(`/${sort}`)])
  const texts = all.flatMap(([collection, found]) =>
    found.map(({ fingerprint: _, creationTimestamp: _at, ...thing }) => `${collection} ${JSON.stringify(thing)}`),
  )
  return texts.sort()
}
