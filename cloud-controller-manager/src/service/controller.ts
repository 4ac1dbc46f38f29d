import type { Node } from '@trellis/api/core/node'
import {
  type EndpointSlice,
  type LoadBalancerIngress,
  type Service,
  services as serviceResource,
} from '@trellis/api/core/service'
import { keyOf, keyText, parseKeyText } from '@trellis/api/meta'
import type { CloudLoadBalancers, LoadBalancerPlace } from '@trellis/cloudprovider/contract/cloud-network'
import { describe } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Client } from '@trellis/kubernetes/client'
import { again, blocked, done, type Outcome, type Reconcile } from '@trellis/kubernetes/controller'
import type { EventRecorder } from '@trellis/kubernetes/events'
import type { Informer } from '@trellis/kubernetes/informer'
import {
  concernsCloud,
  decideLoadBalancer,
  hasFinalizer,
  loadBalancerFinalizer,
  nodeFingerprint,
} from './load-balancer.ts'

/** Label of an EndpointSlice: name of its Service. */
const serviceNameLabel = 'kubernetes.io/service-name'

/** Index of EndpointSlices by the key of their Service. */
export const serviceIndex = 'service'

/** The key of the Service that an EndpointSlice belongs to. */
export function serviceKeysOf({ metadata }: EndpointSlice): readonly string[] {
  const name = metadata.labels?.[serviceNameLabel]
  return name === undefined ? [] : [keyText({ namespace: metadata.namespace, name })]
}

/** How long until the cloud is asked again about a node that it did not know. */
const unknownNodeMilliseconds = 30_000

/** What the service controller works with. */
export interface ServiceControllerContext {
  readonly client: Client
  readonly network: CloudLoadBalancers
  readonly services: Informer<Service>
  readonly nodes: Informer<Node>
  readonly slices: Informer<EndpointSlice>
  readonly events: Pick<EventRecorder, 'record'>
  readonly log: Log
}

/** Brings the load balancer of one Service (by key) to what the Service asks for: made, changed, or taken away. */
export function createServiceReconcile(context: ServiceControllerContext): Reconcile {
  return async (key, signal) => {
    const service = context.services.get(parseKeyText(key))
    const decision = decideLoadBalancer(service, context.nodes.list(), context.slices.byIndex(serviceIndex, key))
    if (decision.kind === 'wanted' && service !== undefined) {
      await removeOthers(context, key, decision.request.name, signal)
      await addFinalizer(context.client, service)
      try {
        const ensured = await context.network.ensureLoadBalancer(decision.request, { signal })
        await writePlace(context, service, ensured)
        return outcomeOf(context, key, ensured.unknownNodes)
      } catch (error) {
        if (!signal.aborted) context.events.record(service, failed(describe(error)))
        throw error
      }
    }
    await removeOthers(context, key, undefined, signal)
    if (service !== undefined) await release(context.client, service)
    if (decision.kind !== 'impossible' || service === undefined) return done
    context.events.record(service, failed(decision.reason))
    return blocked(decision.reason)
  }
}

/** Calls `enqueue` with the key of each Service whose load balancer may have to change. Returns how to stop. */
export function watchServices(context: ServiceControllerContext, enqueue: (key: string) => void): () => void {
  const { services, nodes, slices } = context
  const stops = [
    services.onChange(({ key, before, after }) => {
      const concerned = [before, after].some((service) => service !== undefined && concernsCloud(service))
      if (concerned) enqueue(keyText(key))
    }),
    nodes.onChange(({ before, after }) => {
      if (nodeFingerprint(before) === nodeFingerprint(after)) return
      for (const service of services.list()) if (concernsCloud(service)) enqueue(keyText(keyOf(service)))
    }),
    slices.onChange(({ before, after }) => {
      const keys = new Set([before, after].flatMap((slice) => (slice === undefined ? [] : serviceKeysOf(slice))))
      for (const key of keys) {
        if (services.get(parseKeyText(key))?.spec?.externalTrafficPolicy === 'Local') enqueue(key)
      }
    }),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

/** Enqueues the Services of all load balancers of the cluster, so that those whose Service went away unseen are found. */
export async function sweepLoadBalancers(
  { network }: Pick<ServiceControllerContext, 'network'>,
  enqueue: (key: string) => void,
  signal: AbortSignal,
): Promise<void> {
  for (const { service } of await network.listLoadBalancers({ signal })) enqueue(service)
}

function failed(note: string) {
  return { type: 'Warning', reason: 'SyncLoadBalancerFailed', note } as const
}

function outcomeOf({ log }: ServiceControllerContext, key: string, unknownNodes: readonly string[]): Outcome {
  if (unknownNodes.length === 0) return done
  log.warn({ service: key, nodes: unknownNodes }, 'the cloud does not know some nodes')
  return again(unknownNodeMilliseconds)
}

/** Takes away every load balancer of the Service but the one to keep: one of an earlier Service of the same name, for one. */
async function removeOthers(
  { network, log }: ServiceControllerContext,
  key: string,
  keep: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const known = await network.listLoadBalancers({ signal })
  for (const { name } of known.filter(({ service, name }) => service === key && name !== keep)) {
    await network.deleteLoadBalancer(name, { signal })
    log.info({ service: key, loadBalancer: name }, 'took a load balancer away')
  }
}

/** Before anything is made, so that the Service cannot go without us. */
async function addFinalizer(client: Client, service: Service): Promise<void> {
  if (hasFinalizer(service)) return
  await changeFinalizers(client, service, (finalizers) => [...finalizers, loadBalancerFinalizer])
}

/** Lets go of a Service whose load balancer is gone: the address first, so that nobody is sent there. */
async function release(client: Client, service: Service): Promise<void> {
  // An address without our finalizer is somebody else's.
  if (!hasFinalizer(service)) return
  const ingress = service.status?.loadBalancer?.ingress ?? []
  if (ingress.length > 0 && service.metadata.deletionTimestamp === undefined) {
    const status = { status: { loadBalancer: { ingress: null } } }
    await client.patch(serviceResource, keyOf(service), status, { type: 'merge', subresource: 'status' })
  }
  await changeFinalizers(client, service, (finalizers) => finalizers.filter((name) => name !== loadBalancerFinalizer))
}

/** Writes finalizers from what is there now; the version guards those of others. */
async function changeFinalizers(
  client: Client,
  service: Service,
  change: (finalizers: readonly string[]) => readonly string[],
): Promise<void> {
  const current = await client.find(serviceResource, keyOf(service))
  if (current === undefined || current.metadata.uid !== service.metadata.uid) return
  const before = current.metadata.finalizers ?? []
  const after = change(before)
  if (after.length === before.length || new Set(after).size !== after.length) return
  const metadata = { finalizers: after, resourceVersion: current.metadata.resourceVersion }
  await client.patch(serviceResource, keyOf(service), { metadata }, { type: 'merge' })
}

async function writePlace(
  { client, events, log }: ServiceControllerContext,
  service: Service,
  place: LoadBalancerPlace,
): Promise<void> {
  if (isAt(service, place)) return
  // Our copy may be older than our own last write.
  const current = await client.find(serviceResource, keyOf(service))
  if (current === undefined || isAt(current, place)) return
  const status = { status: { loadBalancer: { ingress: [ingressOf(place)] } } }
  await client.patch(serviceResource, keyOf(service), status, { type: 'merge', subresource: 'status' })
  const where = 'address' in place ? place.address : place.hostname
  log.info({ service: keyText(keyOf(service)), where }, 'a load balancer is in place')
  events.record(service, { type: 'Normal', reason: 'EnsuredLoadBalancer', note: `load balancer at ${where}` })
}

function ingressOf(place: LoadBalancerPlace): LoadBalancerIngress {
  return 'address' in place ? { ip: place.address, ipMode: 'VIP' } : { hostname: place.hostname }
}

function isAt({ status }: Service, place: LoadBalancerPlace): boolean {
  const [ingress, ...others] = status?.loadBalancer?.ingress ?? []
  if (ingress === undefined || others.length > 0) return false
  return 'address' in place
    ? ingress.ip === place.address && ingress.hostname === undefined
    : ingress.hostname === place.hostname && ingress.ip === undefined
}
