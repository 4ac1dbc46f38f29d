import type { Task } from '@trellis/flow/task'
import type { UpServices } from '../services.ts'

/** Starts the embedded cloud. */
export const cloud: Task<UpServices> = {
  id: 'cloud',
  dependsOn: ['parts'],
  run: async ({ services, note }) => {
    await services.daemon.start()
    const { endpoint } = await services.cloud.version()
    note(endpoint)
  },
}
