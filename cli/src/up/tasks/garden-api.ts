import { nodes } from '@trellis/api/core/node'
import type { Task } from '@trellis/flow/task'
import { Failure } from '@trellis/foundation/failure'
import { garden } from '../../garden/garden.ts'
import type { UpServices } from '../services.ts'

/** Waits until the garden's API server answers through its public address. */
export const gardenApi: Task<UpServices> = {
  id: 'garden API',
  dependsOn: ['garden machine'],
  retry: { backoff: { firstMilliseconds: 250, longestMilliseconds: 1000 }, deadlineMilliseconds: 240_000 },
  timeoutMilliseconds: 10_000,
  run: async ({ services }) => {
    const client = await services.garden()
    await client.request({ method: 'GET', path: '/readyz' })
    if ((await client.find(nodes, { name: garden.machine })) === undefined) {
      throw new Failure('Unavailable', 'the machine has not registered yet')
    }
  },
}
