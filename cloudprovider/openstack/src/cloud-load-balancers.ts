import type {
  CloudLoadBalancers,
  EnsuredLoadBalancer,
  LoadBalancerRequest,
} from '@trellis/cloudprovider/contract/cloud-network'
import type { CallOptions } from '@trellis/cloudprovider/contract/driver'
import { withoutLoadBalancers } from '@trellis/cloudprovider/contract/without-load-balancers'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import type { OpenStackClient } from './client.ts'
import type { RouterView } from './cloud-routes.ts'
import { ensureListeners } from './load-balancer-listeners.ts'
import { whenIdle } from './load-balancer-waiting.ts'
import type { LoadBalancer } from './resources.ts'

/** What load balancers are made with. */
export interface OpenStackLoadBalancersOptions {
  readonly clock: Clock
  readonly client: OpenStackClient
  /** Looks at the cluster's router and nodes. */
  readonly view: (call?: CallOptions) => Promise<RouterView>
  readonly clusterName: string
  /** Who makes them, as Octavia calls it; its usual maker unless told. */
  readonly provider?: string
}

/** Beginnings of tags that hold the name of a load balancer and the key of its Service. */
const nameMark = 'trellis.internal/load-balancer='
const serviceMark = 'kubernetes.io/service-name='

/** What Octavia takes for a name or description. */
const longestText = 255

/**
 * Load balancers of Octavia, in the first subnet of the cluster's router, with a floating address of the network that the router leads to. Octavia changes one thing after the other: each change
 * waits for the one before. Names are those that Kubernetes' own controller for OpenStack gives, so that whoever takes a cluster down finds them; tags tell the rest.
 */
export function createOpenStackLoadBalancers(options: OpenStackLoadBalancersOptions): CloudLoadBalancers {
  const { client } = options
  const none = withoutLoadBalancers('this OpenStack', 'ask its operator for Octavia')
  return {
    ensureLoadBalancer: async (request, call) => {
      call?.signal?.throwIfAborted()
      if (!(await client.hasLoadBalancers(call))) return none.ensureLoadBalancer(request, call)
      return ensureLoadBalancer(options, request, call)
    },
    listLoadBalancers: async (call) => {
      if (!(await client.hasLoadBalancers(call))) return []
      return (await listOwn(options, [], call)).map(({ tags = [] }) => ({
        name: markedWith(tags, nameMark),
        service: markedWith(tags, serviceMark),
      }))
    },
    deleteLoadBalancer: async (name, call) => {
      if (!(await client.hasLoadBalancers(call))) return
      for (const balancer of await listOwn(options, [`${nameMark}${name}`], call)) await remove(options, balancer, call)
    },
  }
}

function clusterMark(clusterName: string): string {
  return `kubernetes.io-cluster-${clusterName}`
}

function markedWith(tags: readonly string[], mark: string): string {
  return tags.find((tag) => tag.startsWith(mark))?.slice(mark.length) ?? ''
}

function listOwn(
  { client, clusterName }: OpenStackLoadBalancersOptions,
  tags: readonly string[],
  call: CallOptions | undefined,
): Promise<readonly LoadBalancer[]> {
  return client.loadBalancers.list({ tags: [clusterMark(clusterName), ...tags].join(',') }, call)
}

async function ensureLoadBalancer(
  options: OpenStackLoadBalancersOptions,
  request: LoadBalancerRequest,
  call: CallOptions | undefined,
): Promise<EnsuredLoadBalancer> {
  const view = await options.view(call)
  const balancer = await ensureBalancer(options, request, view, call)
  const addresses = request.nodes.flatMap((node) => view.addresses.get(node) ?? [])
  await ensureListeners(options, { balancer, listeners: request.listeners, addresses }, call)
  const unknownNodes = request.nodes.filter((node) => !view.addresses.has(node))
  return { address: await ensureAddress(options, { request, balancer, outside: view.outside }, call), unknownNodes }
}

async function ensureBalancer(
  options: OpenStackLoadBalancersOptions,
  { name, service }: LoadBalancerRequest,
  { subnets: [subnet] }: RouterView,
  call: CallOptions | undefined,
): Promise<LoadBalancer> {
  const { client, clusterName, provider } = options
  const [found] = await listOwn(options, [`${nameMark}${name}`], call)
  if (found === undefined && subnet === undefined) {
    throw new Failure('NotFound', 'the router of the cluster has no subnet', { field: '--network' })
  }
  const made =
    found ??
    (await client.loadBalancers.create(
      {
        name: `kube_service_${clusterName}_${service.replace('/', '_')}`.slice(0, longestText),
        description: `Kubernetes external service ${service} from cluster ${clusterName}`.slice(0, longestText),
        vip_subnet_id: subnet,
        ...(provider === undefined ? {} : { provider }),
        tags: [clusterMark(clusterName), `${nameMark}${name}`, `${serviceMark}${service}`],
      },
      call,
    ))
  const idle = await whenIdle(options, made.id, call)
  if (idle?.provisioning_status === 'ACTIVE') return idle
  throw new Failure('Unavailable', `Octavia could not make the load balancer of ${service}`, {
    remedy: `look at the load balancer ${made.id}, or delete the Service`,
  })
}

/** Its address: a floating one that leads to it, unless it is internal; what is not wanted goes. */
async function ensureAddress(
  { client, clusterName }: OpenStackLoadBalancersOptions,
  wish: {
    readonly request: LoadBalancerRequest
    readonly balancer: LoadBalancer
    readonly outside: string | undefined
  },
  call: CallOptions | undefined,
): Promise<string> {
  const { request, balancer, outside } = wish
  const port = balancer.vip_port_id ?? ''
  const found = await client.floatingIps.list({ port_id: port }, call)
  if (request.internal) {
    for (const { id } of found) await client.floatingIps.remove(id, call)
    return balancer.vip_address ?? ''
  }
  const [present] = found
  if (present !== undefined) return present.floating_ip_address
  if (outside === undefined) {
    throw new Failure('Invalid', "the cluster's router leads to no network with floating addresses", {
      remedy: 'ask for an internal load balancer, or give the router a gateway',
    })
  }
  const description = `Floating IP for Kubernetes external service ${request.service} from cluster ${clusterName}`
  const wanted = { floating_network_id: outside, port_id: port, description }
  return (await client.floatingIps.create(wanted, call)).floating_ip_address
}

async function remove(
  options: OpenStackLoadBalancersOptions,
  { id, vip_port_id }: LoadBalancer,
  call: CallOptions | undefined,
): Promise<void> {
  const { client } = options
  const floating = vip_port_id === undefined ? [] : await client.floatingIps.list({ port_id: vip_port_id }, call)
  for (const address of floating) await client.floatingIps.remove(address.id, call)
  if ((await whenIdle(options, id, call)) === undefined) return
  await client.loadBalancers.remove(id, call)
  await whenIdle(options, id, call)
}
