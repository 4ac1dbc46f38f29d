import { type Deployment, deployments, type StatefulSet, statefulSets } from '@trellis/api/core/workload'
import type { Task } from '@trellis/flow/task'
import { isDeploymentAvailable, isStatefulSetReady } from '../shoot/workloads.ts'
import { waitForObject } from '../wait.ts'
import { frontDoorName } from './front-door.ts'
import { patiently, type ShootServices, waitLimitMilliseconds } from './services.ts'

/** Waits until etcd serves. */
export const etcdReady: Task<ShootServices> = {
  id: 'etcd-ready',
  dependsOn: ['control-plane'],
  retry: patiently,
  timeoutMilliseconds: waitLimitMilliseconds,
  run: ({ services: { seed, blueprint }, signal, note }) =>
    waitForObject<StatefulSet, true>({
      client: seed,
      resource: statefulSets,
      key: { namespace: blueprint.technicalId, name: 'etcd' },
      signal,
      note,
      judge: (found) =>
        found !== undefined && isStatefulSetReady(found) ? { value: true } : { missing: 'etcd starts' },
    }),
}

/** Waits until the API server says at the front door that it is ready. */
export const apiServerReady: Task<ShootServices> = {
  id: 'api-server-ready',
  dependsOn: ['etcd-ready'],
  // What opens last is the way through the load balancer, and nothing tells when: so ask at short intervals.
  retry: { backoff: { firstMilliseconds: 200, longestMilliseconds: 1000 }, deadlineMilliseconds: 600_000 },
  timeoutMilliseconds: waitLimitMilliseconds,
  run: async ({ services, signal, note }) => {
    await waitForObject<Deployment, true>({
      client: services.seed,
      resource: deployments,
      key: { namespace: services.blueprint.technicalId, name: frontDoorName },
      signal,
      note,
      judge: (found) =>
        found !== undefined && isDeploymentAvailable(found) ? { value: true } : { missing: 'the API server starts' },
    })
    note('waiting for the front door')
    const { client } = await services.connectToShoot()
    await client.request({ method: 'GET', path: '/readyz', signal })
  },
}

/** Starts looking after the shoot. Done anew by whoever resumes, because it lives in the process. */
export const care: Task<ShootServices> = {
  id: 'care',
  dependsOn: ['api-server-ready'],
  retry: briefCare(),
  always: true,
  run: ({ services }) => services.beginCare(),
}

function briefCare() {
  return { backoff: { firstMilliseconds: 500, longestMilliseconds: 5000 }, deadlineMilliseconds: 120_000 }
}
