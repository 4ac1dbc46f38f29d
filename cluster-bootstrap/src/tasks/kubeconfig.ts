import { secrets as secretResource } from '@trellis/api/core/configuration'
import type { Task } from '@trellis/flow/task'
import { decodeSecret, encodeSecret } from '../secrets/secret-store.ts'
import { briefly, type ShootServices } from './services.ts'

/** Name of the Secret in the project's namespace that holds the user's kubeconfig. */
export function kubeconfigSecretName(shoot: string): string {
  return `${shoot}.kubeconfig`
}

/** Publishes the user's kubeconfig in the garden. */
export const kubeconfig: Task<ShootServices> = {
  id: 'kubeconfig',
  dependsOn: ['add-ons'],
  retry: briefly,
  run: async ({ services: { seed, garden, blueprint } }) => {
    const { name, projectNamespace, technicalId, shoot } = blueprint
    const source = await seed.get(secretResource, { namespace: technicalId, name: 'kubeconfig-admin' })
    await garden.apply(secretResource, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: kubeconfigSecretName(name),
        namespace: projectNamespace,
        labels: { 'app.kubernetes.io/part-of': 'trellis' },
        ...(shoot.metadata.uid === undefined
          ? {}
          : {
              ownerReferences: [
                { apiVersion: shoot.apiVersion, kind: shoot.kind, name, uid: shoot.metadata.uid, controller: false },
              ],
            }),
      },
      type: 'Opaque',
      data: encodeSecret({ kubeconfig: decodeSecret(source).kubeconfig ?? '' }),
    })
  },
}
