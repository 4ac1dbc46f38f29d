import type { GoogleCloud } from '@trellis/cloudprovider/gcp/testing/google-cloud'

const region = 'europe-west1'

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

/** Everything there is beside servers, without what changes by itself. */
export function thingsOf({ world }: GoogleCloud): readonly string[] {
  const all = sorts.flatMap((sort) => [...world.everywhere(`/${sort}`)])
  const texts = all.flatMap(([collection, found]) =>
    found.map(({ fingerprint: _, creationTimestamp: _at, ...thing }) => `${collection} ${JSON.stringify(thing)}`),
  )
  return texts.sort()
}

/** A load balancer, a rule for node ports and a route, as a cluster's cloud controller makes them in europe-west1. */
export function leaveByCluster(
  { world, project }: GoogleCloud,
  technicalId = 'shoot--test--one',
  network = technicalId,
): void {
  const link = world.link(`${project}/global/networks`, network)
  const server = world.link(`${project}/zones/europe-west1-b/instances`, `${technicalId}-worker-1`)
  const targetTags = [`kubernetes-io-cluster-${technicalId}`]
  const balancer = `a${technicalId.replaceAll('-', '')}`
  const put = (where: string, kind: string, name: string, rest: object) => {
    const collection = `${project}/${where}/${kind}s`.replace('addresss', 'addresses')
    world.put(collection, name, { ...world.fresh(kind, collection, name), ...rest })
  }
  put(`regions/${region}`, 'targetPool', balancer, { instances: [server] })
  put(`regions/${region}`, 'forwardingRule', balancer, {
    target: world.link(`${project}/regions/${region}/targetPools`, balancer),
  })
  // One for each port, as Trellis' own controller has them.
  put(`regions/${region}`, 'forwardingRule', `${balancer}-udp-53`, {
    target: world.link(`${project}/regions/${region}/targetPools`, balancer),
  })
  put(`regions/${region}`, 'address', balancer, {})
  put('global', 'firewall', `k8s-fw-${balancer}`, { network: link, targetTags })
  put('global', 'firewall', `k8s-${balancer}-node-http-hc`, { network: link, targetTags })
  put('global', 'route', `${technicalId}-route`, {
    network: link,
    nextHopInstance: server,
    description: 'k8s-node-route',
  })
}
