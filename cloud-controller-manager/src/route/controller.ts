import { instantText } from '@trellis/api/conditions'
import { type Node, nodes as nodeResource } from '@trellis/api/core/node'
import type { CloudRoute, CloudRoutes, RouteRequest } from '@trellis/cloudprovider/contract/cloud-network'
import type { Clock } from '@trellis/foundation/clock'
import { describe, isFailure } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Client } from '@trellis/kubernetes/client'
import { again, type Reconcile } from '@trellis/kubernetes/controller'
import type { Informer } from '@trellis/kubernetes/informer'
import { planRoutes, podRanges } from './plan.ts'

/** The one key of the controller: routes are planned for the whole network at once. */
export const routesKey = 'routes'

/** How long until everything is compared again although nothing changed here: the cloud has no watch. */
const resyncMilliseconds = 300_000
/** How long until a node that the cloud does not know is asked for again. */
const unknownNodeMilliseconds = 10_000

/** What the route controller works with. */
export interface RouteControllerContext {
  readonly clock: Clock
  readonly client: Client
  readonly network: CloudRoutes
  readonly nodes: Informer<Node>
  /** Range of all pods; routes outside are left alone. */
  readonly clusterCidr: string | undefined
  readonly log: Log
}

/** Brings the routes of the network to what the nodes need, and tells each node whether it has its own. */
export function createRouteReconcile(context: RouteControllerContext): Reconcile {
  const { network, nodes, clusterCidr, log } = context
  return async (_key, signal) => {
    const plan = planRoutes(nodes.list(), await network.listRoutes({ signal }), clusterCidr)
    // First what goes: a range that moves to another node is refused while its old route stands.
    await Promise.all(plan.remove.map((route) => removeRoute(context, route, signal)))
    const added = await Promise.allSettled(plan.add.map((request) => network.ensureRoute(request, { signal })))
    signal.throwIfAborted()
    const outcomes = plan.add.map((request, index) => ({ request, outcome: added[index] }))
    const failed = outcomes.flatMap(({ request, outcome }) =>
      outcome?.status === 'rejected' ? [{ request, error: outcome.reason as unknown }] : [],
    )
    for (const { request } of outcomes.filter(({ outcome }) => outcome?.status === 'fulfilled')) {
      log.info(request, 'made a route')
    }
    await tellNodes(context, [...plan.keep, ...plan.add], failed)
    const grave = failed.find(({ error }) => !isFailure(error, 'NotFound'))
    if (grave !== undefined) throw grave.error
    if (failed.length === 0) return again(resyncMilliseconds)
    log.warn({ nodes: failed.map(({ request }) => request.node) }, 'the cloud does not know some nodes')
    return again(unknownNodeMilliseconds)
  }
}

/** Calls `enqueue` whenever a node changes in a way that matters to routes. Returns how to stop. */
export function watchRoutes({ nodes }: RouteControllerContext, enqueue: (key: string) => void): () => void {
  return nodes.onChange(({ before, after }) => {
    if (fingerprint(before) !== fingerprint(after)) enqueue(routesKey)
  })
}

/** No nodes, no change: without this a network whose last node went away unseen would keep its routes. */
export function sweepRoutes(enqueue: (key: string) => void): void {
  enqueue(routesKey)
}

async function removeRoute(
  { network, log }: RouteControllerContext,
  route: CloudRoute,
  signal: AbortSignal,
): Promise<void> {
  await network.deleteRoute(route.id, { signal })
  log.info({ destination: route.destination, node: route.node }, 'took a route away')
}

interface FailedRoute {
  readonly request: RouteRequest
  readonly error: unknown
}

/** Writes the condition NetworkUnavailable of each node whose pod range is routed, or should be. */
async function tellNodes(
  context: RouteControllerContext,
  requests: readonly RouteRequest[],
  failed: readonly FailedRoute[],
): Promise<void> {
  const errors = new Map(failed.map(({ request, error }) => [request.node, error]))
  const names = new Set(requests.map(({ node }) => node))
  await Promise.all([...names].map((name) => tellNode(context, name, errors.get(name))))
}

async function tellNode({ client, clock, nodes }: RouteControllerContext, name: string, error: unknown): Promise<void> {
  const node = nodes.get({ name })
  const status = error === undefined ? 'False' : 'True'
  const before = node?.status?.conditions?.find(({ type }) => type === 'NetworkUnavailable')
  if (node === undefined || before?.status === status) return
  const now = instantText(clock.now())
  const condition = {
    type: 'NetworkUnavailable',
    status,
    reason: error === undefined ? 'RouteCreated' : 'NoRouteCreated',
    message: error === undefined ? 'the cloud routes the pods of this node' : describe(error),
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  }
  try {
    const patch = { status: { conditions: [condition] } }
    await client.patch(nodeResource, { name }, patch, { type: 'strategic', subresource: 'status' })
  } catch (failure) {
    // The node went away meanwhile: its removal is on its way to us.
    if (!isFailure(failure, 'NotFound')) throw failure
  }
}

/** What of a node matters to routes, as text to compare. Its condition counts too, since kubelets and people can overwrite it. */
function fingerprint(node: Node | undefined): string {
  if (node === undefined) return ''
  const condition = node.status?.conditions?.find(({ type }) => type === 'NetworkUnavailable')
  return JSON.stringify([
    podRanges(node),
    node.metadata.uid,
    node.metadata.deletionTimestamp === undefined,
    condition?.status,
  ])
}
