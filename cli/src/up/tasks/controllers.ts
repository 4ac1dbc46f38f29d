import { join } from 'node:path'
import type { Task } from '@trellis/flow/task'
import { runOrThrow } from '@trellis/foundation/command'
import { controllerValues } from '../../garden/controller-values.ts'
import { garden } from '../../garden/garden.ts'
import { paths } from '../../installation.ts'
import type { UpServices } from '../services.ts'
import { partsOutput } from './parts.ts'

/** Installs Trellis's own controllers into the garden, with Helm. */
export const controllers: Task<UpServices> = {
  id: 'controllers',
  dependsOn: ['garden kinds', 'garden secrets', 'parts'],
  consumes: [partsOutput],
  retry: { backoff: { firstMilliseconds: 500, longestMilliseconds: 2000 }, deadlineMilliseconds: 120_000 },
  run: async ({ services, read, signal }) => {
    const { programs, images } = read(partsOutput)
    const { repositoryDirectory } = services.installation
    await runOrThrow(
      services.runner,
      join(programs, 'helm'),
      [
        'upgrade',
        '--install',
        '--skip-crds',
        'trellis',
        join(repositoryDirectory, 'charts', 'trellis'),
        '--namespace',
        garden.namespace,
        '--kubeconfig',
        paths(services.installation).gardenKubeconfig,
        '--values',
        '-',
      ],
      { input: JSON.stringify(controllerValues(images, services.installation.infrastructure)), signal },
    )
  },
}
