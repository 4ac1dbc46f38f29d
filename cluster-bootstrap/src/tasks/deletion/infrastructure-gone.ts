import { pods } from '@trellis/api/core/pod'
import { deployments } from '@trellis/api/core/workload'
import type { Task } from '@trellis/flow/task'
import { waitUntilGone } from '../../wait.ts'
import { briefly, type DeletionServices, patiently, waitLimitMilliseconds } from '../services.ts'

/** Stops the controller that makes routes and load balancers for the shoot, so that it makes no new ones. */
export const cloudControllerStopped: Task<DeletionServices> = {
  id: 'cloud-controller-stopped',
  dependsOn: ['machines-gone'],
  retry: patiently,
  timeoutMilliseconds: waitLimitMilliseconds,
  run: async ({ services: { seed, identity }, signal, note }) => {
    const namespace = identity.technicalId
    await seed.delete(deployments, { namespace, name: 'cloud-controller-manager' }, { propagationPolicy: 'Background' })
    await waitUntilGone({
      client: seed,
      resource: pods,
      selection: { namespace, labelSelector: 'app=cloud-controller-manager' },
      signal,
      note,
    })
  },
}

/** Lets whoever owns the credentials take them away: nothing of the shoot is at the cloud any more. */
export const credentialsReleased: Task<DeletionServices> = {
  id: 'credentials-released',
  dependsOn: ['infrastructure-gone'],
  retry: briefly,
  run: ({ services: { infrastructure } }) => infrastructure.release(),
}

/** Takes the shoot's infrastructure down with all that is left in it: load balancers, routes, servers that nobody knows any more. */
export const infrastructureGone: Task<DeletionServices> = {
  id: 'infrastructure-gone',
  dependsOn: ['cloud-controller-stopped'],
  retry: patiently,
  timeoutMilliseconds: waitLimitMilliseconds,
  run: ({ services: { infrastructure }, signal, note }) => infrastructure.destroy({ signal, note }),
}
