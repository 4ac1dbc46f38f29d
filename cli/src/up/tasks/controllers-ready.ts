import { type Deployment, deployments } from '@trellis/api/core/workload'
import type { Task } from '@trellis/flow/task'
import { Failure } from '@trellis/foundation/failure'
import { garden } from '../../garden/garden.ts'
import type { UpServices } from '../services.ts'

/** Deployments of the chart `trellis`. */
const ours = ['cluster-bootstrap', 'cloud-controller-manager'] as const

/**
 * Waits until the controllers run as they were told last: whoever asks for a reconcile after `up` means one by these. Nothing waits for it on the way to a new shoot.
 */
export const controllersReady: Task<UpServices> = {
  id: 'controllers ready',
  dependsOn: ['tunnel door'],
  retry: { backoff: { firstMilliseconds: 250, longestMilliseconds: 1000 }, deadlineMilliseconds: 300_000 },
  run: async ({ services }) => {
    const client = await services.garden()
    for (const name of ours) {
      if (!isRolledOut(await client.get(deployments, { namespace: garden.namespace, name }))) {
        throw new Failure('Unavailable', `${name} does not run yet`)
      }
    }
  },
}

/** Whether the newest pods of a Deployment are there, and those before have gone. */
export function isRolledOut({ metadata, spec, status }: Deployment): boolean {
  const wanted = spec?.replicas ?? 1
  return (
    (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0) &&
    status?.updatedReplicas === wanted &&
    status.availableReplicas === wanted &&
    status.replicas === wanted
  )
}
