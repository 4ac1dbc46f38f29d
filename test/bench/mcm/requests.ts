import type { Client } from '@trellis/kubernetes/client'
import { samplesOf, sumOf } from './metrics-text.ts'

/** The service account that the manager acts as. */
export const managerAccount = { namespace: 'bench', name: 'machine-controller-manager' }

/** Flows of the manager's account; whatever fits an earlier one is not counted by a later one. */
const flows = {
  /** Leader election: goes on whether or not there is anything to do. */
  leases: { verbs: ['*'], apiGroups: ['coordination.k8s.io'], resources: ['leases'] },
  /** Nodes are made by kubelets, which the simulated cloud plays inside the manager's process. */
  kubelets: { verbs: ['create'], apiGroups: [''], resources: ['nodes'] },
  /** All that is left is the manager's own work, watches and events included. */
  manager: { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
} as const
type Flow = keyof typeof flows

/** Counts what the manager asked of the API server. */
export interface RequestCounter {
  /** Requests of the manager so far. */
  total(): Promise<number>
  /** Requests of everybody to the kinds that a manager uses so far, by verb and kind: to see where requests go. */
  byKind(): Promise<ReadonlyMap<string, number>>
}

/**
 * Flow schemas that let the API server itself tell requests apart by who sends them. Without them the manager's requests would be
 * lost among the benchmark's and the API server's own in `apiserver_request_total`, which knows verbs and kinds only.
 */
export function flowSchemasOf(): readonly { readonly name: string; readonly spec: object }[] {
  const subjects = [{ kind: 'ServiceAccount', serviceAccount: managerAccount }]
  return Object.entries(flows).map(([flow, rule], index) => ({
    name: schemaOf(flow as Flow),
    spec: {
      // Where requests of service accounts go by themselves.
      priorityLevelConfiguration: { name: 'workload-low' },
      matchingPrecedence: 100 + index,
      distinguisherMethod: { type: 'ByUser' },
      rules: [
        {
          subjects,
          resourceRules: [{ ...rule, namespaces: ['*'], clusterScope: true }],
          ...(flow === 'manager' ? { nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }] } : {}),
        },
      ],
    },
  }))
}

function schemaOf(flow: Flow): string {
  return `bench-${flow}`
}

const kinds = /^(machine.*|nodes|secrets|configmaps|pods|events|persistentvolume.*|volumeattachments|poddisruption.*)$/

/** Makes a counter; asking it costs requests of the benchmark's own account only. */
export function createRequestCounter(client: Client): RequestCounter {
  const read = async () => (await client.request({ method: 'GET', path: '/metrics' })).body
  return {
    total: async () =>
      sumOf(await read(), 'apiserver_flowcontrol_dispatched_requests_total', { flow_schema: schemaOf('manager') }),
    byKind: async () => {
      const counts = new Map<string, number>()
      for (const { labels, value } of samplesOf(await read(), 'apiserver_request_total')) {
        const { verb = '', resource = '', subresource = '', code = '' } = labels
        if (!kinds.test(resource)) continue
        const failed = code < '300' ? '' : ` ${code}`
        const key = `${verb} ${resource}${subresource === '' ? '' : `/${subresource}`}${failed}`
        counts.set(key, (counts.get(key) ?? 0) + value)
      }
      return counts
    },
  }
}

/** What was added between two counts, the most frequent first. */
export function difference(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): Readonly<Record<string, number>> {
  const entries = [...after].map(([key, value]) => [key, value - (before.get(key) ?? 0)] as const)
  return Object.fromEntries(entries.filter(([, value]) => value > 0).sort(([, left], [, right]) => right - left))
}
