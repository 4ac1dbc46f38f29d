import type { InfrastructureContext } from '../context.ts'
import type { InfrastructureTask } from '../task.ts'
import { findNetworkId } from './network.ts'
import { findRouter } from './router.ts'
import { findSubnetId } from './subnet.ts'

const askAgainMilliseconds = 2000

/** What the cluster itself made and left: load balancers, their groups and addresses, routes to pods, ports that no server has, volumes. It makes nothing; everything else is taken down after it. */
export const clusterLeftovers: InfrastructureTask = {
  what: 'cluster-leftovers',
  dependsOn: ['router-interface', 'security-group'],
  apply: async () => {},
  plan: async () => [],
  destroy: removeClusterLeftovers,
}

/** Takes it away, whichever engine made the infrastructure: that is found by its name and mark. Harmless to repeat, and when there is nothing. */
export async function removeClusterLeftovers(context: InfrastructureContext): Promise<void> {
  await removeAddresses(context)
  await removeLoadBalancers(context)
  await removeGroups(context)
  await removeRoutes(context)
  await removeLoosePorts(context)
  await removeVolumes(context)
}

/** Those that hang on the cluster's network, and those that say they are for a service of this cluster. */
async function removeAddresses(context: InfrastructureContext): Promise<void> {
  const { client, configuration, name, call } = context
  const network = configuration.networkId === undefined ? await findNetworkId(context) : undefined
  const ports = network === undefined ? [] : await client.ports.list({ network_id: network }, call)
  const inside = new Set(ports.map(({ id }) => id))
  for (const { id, port_id, description = '' } of await client.floatingIps.list({}, call)) {
    const ours = (port_id !== null && inside.has(port_id)) || description.endsWith(` from cluster ${name}`)
    if (ours) await client.floatingIps.remove(id, call)
  }
}

/** Kubernetes names them `kube_service_<cluster>_<namespace>_<service>`; on a subnet of the cluster's own everything is the cluster's. */
async function removeLoadBalancers(context: InfrastructureContext): Promise<void> {
  const { clock, client, configuration, name: cluster, note, call } = context
  const subnet = await findSubnetId(context)
  if (subnet === undefined || !(await client.hasLoadBalancers(call))) return
  const own = configuration.subnetId === undefined
  for (;;) {
    const all = await client.loadBalancers.list({ vip_subnet_id: subnet }, call)
    const left = all.filter(({ name }) => own || name.startsWith(`kube_service_${cluster}_`))
    if (left.length === 0) return
    note(`waiting for load balancers to go: ${left.map(({ name }) => name).join(', ')}`)
    const idle = left.filter(({ provisioning_status: status }) => !status.startsWith('PENDING'))
    for (const { id } of idle) await client.loadBalancers.remove(id, call)
    await clock.sleep(askAgainMilliseconds, call.signal)
  }
}

/** Groups of load balancers say which cluster's service they are for. */
async function removeGroups({ client, name, call }: InfrastructureContext): Promise<void> {
  for (const group of await client.securityGroups.list({}, call)) {
    const ours = group.name.startsWith('lb-sg-') && group.description?.endsWith(` in cluster ${name}`)
    if (ours) await client.securityGroups.remove(group.id, call)
  }
}

/** Neutron lets no subnet go while routes lead into it: from the cluster's own router all are taken, from the user's those to nodes of this cluster. */
async function removeRoutes(context: InfrastructureContext): Promise<void> {
  const { client, configuration, call } = context
  const [router, subnet] = await Promise.all([findRouter(context), findSubnetId(context)])
  const routes = router?.routes ?? []
  if (router === undefined || routes.length === 0) return
  if (configuration.routerId === undefined) return client.removeRouterRoutes(router.id, routes, call)
  if (subnet === undefined) return
  const ports = await client.ports.list({ fixed_ips: `subnet_id=${subnet}` }, call)
  const nodes = new Set(ports.flatMap(({ fixed_ips }) => fixed_ips.map(({ ip_address }) => ip_address)))
  const own = routes.filter(({ nexthop }) => nodes.has(nexthop))
  if (own.length > 0) await client.removeRouterRoutes(router.id, own, call)
}

/** Ports at which creations of servers were cut short; in the user's network only those with the cluster's mark. Ports of servers are the machines' own. */
async function removeLoosePorts(context: InfrastructureContext): Promise<void> {
  const { client, configuration, mark, call } = context
  const network = await findNetworkId(context)
  if (network === undefined) return
  const own = configuration.networkId === undefined
  for (const { id, device_id, tags } of await client.ports.list({ network_id: network }, call)) {
    if (device_id === '' && (own || tags?.includes(mark))) await client.ports.remove(id, call)
  }
}

/** Volumes of pods, which the storage driver marks with the cluster. */
async function removeVolumes({ client, name, call }: InfrastructureContext): Promise<void> {
  if (!(await client.hasVolumes(call))) return
  for (const { id, metadata, attachments } of await client.volumes.list({}, call)) {
    const ours = metadata['cinder.csi.openstack.org/cluster'] === name && attachments.length === 0
    if (ours) await client.volumes.remove(id, call)
  }
}
