import { type Namespace, namespaces } from '@trellis/api/core/configuration'
import type { Task } from '@trellis/flow/task'
import { Failure } from '@trellis/foundation/failure'
import { waitForObject } from '../wait.ts'
import { briefly, type ShootServices } from './services.ts'

/** Label of control namespaces. */
export const controlNamespaceLabel = 'trellis.internal/shoot'

/** Makes the control namespace. One that is just being deleted is waited out. */
export const namespace: Task<ShootServices> = {
  id: 'namespace',
  dependsOn: [],
  retry: briefly,
  run: async ({ services: { seed, blueprint }, signal, note }) => {
    const key = { name: blueprint.technicalId }
    await waitForObject<Namespace, true>({
      client: seed,
      resource: namespaces,
      key,
      signal,
      note,
      judge: (found) =>
        found?.metadata.deletionTimestamp !== undefined
          ? { missing: 'waiting for the namespace of an earlier shoot to go' }
          : { value: true },
    })
    const applied = await seed.apply(namespaces, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: blueprint.technicalId,
        labels: { [controlNamespaceLabel]: blueprint.name, 'app.kubernetes.io/part-of': 'trellis' },
        annotations: { 'trellis.internal/project-namespace': blueprint.projectNamespace },
      },
    })
    if (applied.metadata.deletionTimestamp !== undefined) {
      throw new Failure('Unavailable', `the namespace ${blueprint.technicalId} is being deleted`)
    }
  },
}
