import { type Node, nodes } from '@trellis/api/core/node'
import type { Task } from '@trellis/flow/task'
import { Failure } from '@trellis/foundation/failure'
import type { Client } from '@trellis/kubernetes/client'
import { isNodeReady } from '../shoot/workloads.ts'
import type { ShootServices } from './services.ts'

/** A real request from the API server to a kubelet. The networks of seed and shoot are apart, so only the tunnel can carry it. */
export async function checkTunnel(client: Client, node: string, signal?: AbortSignal): Promise<void> {
  const path = `/api/v1/nodes/${encodeURIComponent(node)}/proxy/healthz`
  const answer = await client.request({ method: 'GET', path, ...(signal === undefined ? {} : { signal }) })
  if (answer.body.trim() === 'ok') return
  throw new Failure('Unavailable', `the kubelet of ${node} answered ${answer.body.slice(0, 200)}`)
}

/** Waits until the API server reaches the kubelet of every Ready node. */
export const tunnel: Task<ShootServices> = {
  id: 'tunnel',
  dependsOn: ['nodes-ready'],
  // Nothing announces that packets flow: so ask at short intervals.
  retry: { backoff: { firstMilliseconds: 250, longestMilliseconds: 2000 }, deadlineMilliseconds: 300_000 },
  timeoutMilliseconds: 30_000,
  run: async ({ services, signal, note }) => {
    const { client } = await services.connectToShoot()
    const { items } = await client.list<Node>(nodes, { signal })
    const ready = items.filter(isNodeReady).map((node) => node.metadata.name)
    note(`asking the kubelets of ${ready.join(', ')}`)
    await Promise.all(ready.map((name) => checkTunnel(client, name, signal)))
  },
}
