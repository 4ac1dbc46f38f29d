import { nodes as nodeResource } from '@trellis/api/core/node'
import { type EndpointSlice, endpointSlices, services as serviceResource } from '@trellis/api/core/service'
import type { KubernetesObject, Resource } from '@trellis/api/meta'
import type { CloudNetwork } from '@trellis/cloudprovider/contract/cloud-network'
import type { Clock } from '@trellis/foundation/clock'
import { describe, InvariantError } from '@trellis/foundation/failure'
import { childSignal } from '@trellis/foundation/lifetime'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { retry } from '@trellis/foundation/retry'
import type { Client } from '@trellis/kubernetes/client'
import { createController, type Reconcile } from '@trellis/kubernetes/controller'
import type { EventRecorder } from '@trellis/kubernetes/events'
import { createInformer, type Informer } from '@trellis/kubernetes/informer'
import { createWorkQueue } from '@trellis/kubernetes/queue'
import type { QueueMetricsProvider } from '@trellis/kubernetes/queue-prometheus'
import type { ControllerName } from './configuration.ts'
import { createRouteReconcile, sweepRoutes, watchRoutes } from './route/controller.ts'
import {
  createServiceReconcile,
  type ServiceControllerContext,
  serviceIndex,
  serviceKeysOf,
  sweepLoadBalancers,
  watchServices,
} from './service/controller.ts'

/** Load balancers worked on at the same time. */
const serviceConcurrency = 8
/** Pauses after failures, of keys and of the sweep: a cloud that comes back is found within half a minute. */
const backoff = { firstMilliseconds: 200, longestMilliseconds: 30_000 }

/** What the manager is made of. */
export interface ManagerOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly client: Client
  readonly network: CloudNetwork
  readonly events: Pick<EventRecorder, 'record'>
  readonly controllers: readonly ControllerName[]
  readonly clusterCidr: string | undefined
  readonly metrics?: QueueMetricsProvider
}

/** The controllers that join a cluster with its cloud. */
export interface Manager {
  /** Works until the signal aborts. Rejects only for a bug of ours, after everything has stopped. */
  run(signal: AbortSignal): Promise<void>
  /** What is not there yet; undefined once the world is known. */
  ready(): string | undefined
}

/** What a controller waits for, whatever its kind. */
type Source = Pick<Informer<KubernetesObject>, 'run' | 'synced' | 'hasSynced'>

/** One controller, ready to run. */
interface Part {
  readonly name: ControllerName
  readonly concurrency: number
  readonly reconcile: Reconcile
  readonly watch: (enqueue: (key: string) => void) => () => void
  /** Finds what went away while nobody watched. */
  readonly sweep: (enqueue: (key: string) => void, signal: AbortSignal) => Promise<void> | void
  readonly informers: readonly Source[]
}

/** Makes the manager; nothing is asked of anybody before it runs. */
export function createManager(options: ManagerOptions): Manager {
  const nodes = informerOf(options, nodeResource)
  const all: Record<ControllerName, () => Part> = {
    service: () => servicePart(options, nodes),
    route: () => routePart(options, nodes),
  }
  const parts = [...new Set(options.controllers)].map((name) => all[name]())
  const informers = [...new Set(parts.flatMap((part) => part.informers))]
  return {
    ready: () => (informers.every((informer) => informer.hasSynced()) ? undefined : 'still listing objects'),
    run: async (signal) => {
      const stop = childSignal(signal)
      const guard = <Value>(work: Promise<Value>) =>
        work.catch((error: unknown) => {
          stop.abort(error)
          throw error
        })
      const running = [
        ...informers.map((informer) => guard(informer.run(stop.signal))),
        ...parts.map((part) => guard(runPart(options, part, stop.signal))),
      ]
      const outcomes = await Promise.allSettled(running)
      const bug = outcomes.find((outcome) => outcome.status === 'rejected')
      if (bug !== undefined && bug.reason instanceof InvariantError) throw bug.reason
      if (bug !== undefined && !signal.aborted) throw bug.reason
    },
  }
}

async function runPart(options: ManagerOptions, part: Part, signal: AbortSignal): Promise<void> {
  const { clock, random, metrics } = options
  const log = options.log.child({ controller: part.name })
  const queue = createWorkQueue({
    clock,
    random,
    name: part.name,
    backoff,
    ...(metrics === undefined ? {} : { metrics }),
  })
  const controller = createController({ ...options, queue, ...part })
  try {
    await Promise.all(part.informers.map((informer) => informer.synced(signal)))
  } catch (error) {
    if (signal.aborted) return
    throw error
  }
  const unwatch = part.watch(controller.enqueue)
  const sweep = retry(async () => part.sweep(controller.enqueue, signal), {
    clock,
    random,
    signal,
    backoff,
    deadlineMilliseconds: Number.POSITIVE_INFINITY,
    retryable: (error) => !(error instanceof InvariantError),
    onRetry: (error) => log.warn({ error: describe(error) }, 'the cloud cannot be searched for what is left over'),
  })
  // Beside the work: a cloud that does not answer must not keep Services from being looked at once it does.
  await Promise.all([
    controller.run(signal),
    sweep.catch((error: unknown) => {
      if (!signal.aborted) throw error
    }),
  ]).finally(unwatch)
}

function servicePart(options: ManagerOptions, nodes: ServiceControllerContext['nodes']): Part {
  const services = informerOf(options, serviceResource)
  const slices = createInformer<EndpointSlice>({
    ...options,
    resource: endpointSlices,
    indexes: { [serviceIndex]: serviceKeysOf },
    transform: essence,
  })
  const context = { ...options, services, slices, nodes }
  return {
    name: 'service',
    concurrency: serviceConcurrency,
    reconcile: createServiceReconcile(context),
    watch: (enqueue) => watchServices(context, enqueue),
    sweep: (enqueue, signal) => sweepLoadBalancers(context, enqueue, signal),
    informers: [services, slices, nodes],
  }
}

function routePart(options: ManagerOptions, nodes: ServiceControllerContext['nodes']): Part {
  const context = { ...options, nodes }
  return {
    name: 'route',
    concurrency: 1,
    reconcile: createRouteReconcile(context),
    watch: (enqueue) => watchRoutes(context, enqueue),
    sweep: sweepRoutes,
    informers: [nodes],
  }
}

function informerOf<Kind extends KubernetesObject>(options: ManagerOptions, resource: Resource<Kind>): Informer<Kind> {
  const { client, clock, random, log } = options
  return createInformer({ client, resource, clock, random, log })
}

/** The part of an EndpointSlice that is read here: large clusters have many of them. */
function essence({ metadata, endpoints, ...slice }: EndpointSlice): EndpointSlice {
  const { name, namespace, uid, resourceVersion, labels } = metadata
  return {
    ...slice,
    metadata: { name, namespace, uid, resourceVersion, labels } as EndpointSlice['metadata'],
    endpoints: (endpoints ?? []).map(({ conditions, nodeName }) => ({
      addresses: [],
      ...(conditions === undefined ? {} : { conditions }),
      ...(nodeName === undefined ? {} : { nodeName }),
    })),
  }
}
