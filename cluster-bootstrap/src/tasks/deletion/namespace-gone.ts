import { namespaces, secrets } from '@trellis/api/core/configuration'
import type { Task } from '@trellis/flow/task'
import { waitUntilGone } from '../../wait.ts'
import { kubeconfigSecretName } from '../kubeconfig.ts'
import { briefly, type DeletionServices, patiently, waitLimitMilliseconds } from '../services.ts'

/** Takes the published kubeconfig back. */
export const kubeconfigGone: Task<DeletionServices> = {
  id: 'kubeconfig-gone',
  dependsOn: [],
  retry: briefly,
  run: ({ services: { garden, identity } }) =>
    garden.delete(secrets, { namespace: identity.projectNamespace, name: kubeconfigSecretName(identity.name) }),
}

/** Deletes the control namespace and waits until it is gone, and with it the control plane, its volumes and its load balancer. */
export const namespaceGone: Task<DeletionServices> = {
  id: 'namespace-gone',
  dependsOn: ['machine-classes-gone', 'cloud-controller-stopped'],
  retry: patiently,
  timeoutMilliseconds: waitLimitMilliseconds,
  run: async ({ services: { seed, identity }, signal, note }) => {
    await seed.delete(namespaces, { name: identity.technicalId })
    await waitUntilGone({
      client: seed,
      resource: namespaces,
      selection: { fieldSelector: `metadata.name=${identity.technicalId}` },
      signal,
      note,
    })
  },
}

/** The same where the control namespace holds the state by which the infrastructure is known: that goes first. */
export const namespaceGoneLast: Task<DeletionServices> = {
  ...namespaceGone,
  dependsOn: [...namespaceGone.dependsOn, 'infrastructure-gone'],
}
