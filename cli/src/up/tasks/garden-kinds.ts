import { customResourceDefinition } from '@trellis/api/generate/custom-resource-definition'
import { definitions } from '@trellis/api/generate/kinds'
import type { Task } from '@trellis/flow/task'
import { installCustomResources } from '@trellis/kubernetes/custom-resources'
import type { UpServices } from '../services.ts'

/** Tells the garden our kinds, also when an older Trellis has told it others: Helm would leave those as they are. */
export const gardenKinds: Task<UpServices> = {
  id: 'garden kinds',
  dependsOn: ['garden API'],
  retry: { backoff: { firstMilliseconds: 500, longestMilliseconds: 2000 }, deadlineMilliseconds: 120_000 },
  run: async ({ services, signal }) => {
    const { clock, random } = services
    const client = await services.garden()
    await installCustomResources({
      client,
      clock,
      random,
      definitions: definitions.map(customResourceDefinition),
      signal,
    })
  },
}
