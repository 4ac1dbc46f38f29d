import type { KubernetesObject, LabelSelector, Resource } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import type { DeleteOptions, RawRequest, RawResponse } from '../src/client.ts'
import { matchesSelector } from '../src/selectors.ts'
import { failureOf } from '../src/status.ts'
import type { FakeObjects } from './fake-objects.ts'
import type { FakeStore } from './fake-store.ts'

/** How pods go, where a fake API server takes that seriously. */
export interface Disruptions {
  /** Deletes as the server does: a pod on a node only begins to go, unless its grace is over. */
  delete(resource: Resource<KubernetesObject>, object: KubernetesObject, options?: DeleteOptions): void
  /** Answers evictions: refused where a disruption budget does not allow one more. */
  answer(request: RawRequest): RawResponse | undefined
}

interface Pod extends KubernetesObject {
  readonly spec?: { readonly nodeName?: string; readonly terminationGracePeriodSeconds?: number }
  readonly status?: { readonly phase?: string; readonly conditions?: readonly { type: string; status: string }[] }
}

interface Budget extends KubernetesObject {
  readonly spec?: {
    readonly selector?: LabelSelector
    readonly minAvailable?: number | string
    readonly maxUnavailable?: number | string
  }
}

const pods: Resource<Pod> = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true }
const budgets: Resource<Budget> = {
  group: 'policy',
  version: 'v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  namespaced: true,
}
const evictionPath = /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)\/eviction$/
const usualGraceSeconds = 30

/** Makes that of a server's store. Budgets are reckoned from the pods themselves, in whole numbers; shares are not known. */
export function createDisruptions(clock: Clock, store: FakeStore, objects: FakeObjects): Disruptions {
  const remove: Disruptions['delete'] = (resource, object, options = {}) => {
    const { spec } = object as Pod
    const onNode = resource.plural === pods.plural && resource.group === '' && spec?.nodeName !== undefined
    const grace = options.gracePeriodSeconds ?? spec?.terminationGracePeriodSeconds ?? usualGraceSeconds
    if (!onNode || grace === 0) return objects.delete(resource, object)
    if (object.metadata.deletionTimestamp !== undefined) return
    const deletionTimestamp = `${new Date(clock.now() + grace * 1000).toISOString().slice(0, 19)}Z`
    store.put(resource, {
      ...object,
      metadata: { ...object.metadata, deletionTimestamp, deletionGracePeriodSeconds: grace },
    })
  }
  return {
    delete: remove,
    answer: (request) => {
      const [, namespace, name] = evictionPath.exec(request.path.split('?')[0] ?? '') ?? []
      if (name === undefined || request.method !== 'POST') return undefined
      const pod = objects.need(pods, { namespace, name }) as Pod
      requirePrecondition(pod, request.body)
      const blocking = store.all(budgets).find((budget) => covers(budget, pod) && !allowsOneMore(store, budget, pod))
      if (blocking !== undefined) throw refusal(request.path, blocking)
      remove(pods, pod)
      return { status: 201, body: '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","code":201}' }
    },
  }
}

function requirePrecondition(pod: Pod, body: unknown): void {
  const uid = (body as { deleteOptions?: { preconditions?: { uid?: string } } } | undefined)?.deleteOptions
    ?.preconditions?.uid
  if (uid === undefined || uid === pod.metadata.uid) return
  throw new Failure('Conflict', `precondition failed: the uid is ${pod.metadata.uid}`)
}

function covers(budget: Budget, pod: Pod): boolean {
  const { selector = {} } = budget.spec ?? {}
  return budget.metadata.namespace === pod.metadata.namespace && matchesSelector(selector, pod.metadata.labels)
}

/** Pods that are not healthy anyway, or are going, may always be evicted. */
function allowsOneMore(store: FakeStore, budget: Budget, pod: Pod): boolean {
  if (!isHealthy(pod)) return true
  const covered = (store.all(pods) as readonly Pod[]).filter((one) => covers(budget, one))
  const healthy = covered.filter(isHealthy).length
  const { minAvailable, maxUnavailable } = budget.spec ?? {}
  const least = minAvailable === undefined ? covered.length - Number(maxUnavailable ?? 1) : Number(minAvailable)
  return healthy - 1 >= least
}

function isHealthy({ metadata, status }: Pod): boolean {
  if (metadata.deletionTimestamp !== undefined) return false
  return status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true
}

function refusal(path: string, budget: Budget): Failure {
  const { name } = budget.metadata
  return failureOf({
    method: 'POST',
    path,
    code: 429,
    status: {
      kind: 'Status',
      code: 429,
      reason: 'TooManyRequests',
      message: "Cannot evict pod as it would violate the pod's disruption budget.",
      details: {
        causes: [
          {
            reason: 'DisruptionBudget',
            message: `The disruption budget ${name} needs its pods and has no more to spare`,
          },
        ],
      },
    },
  })
}
